#include "broker/app/hidden_arguments.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

/// What is seen of these words, and that they are kept as they were.
std::vector<std::string> seen(const std::vector<std::string>& words) {
    std::vector<std::string> memory = words;
    std::vector<char*> argv;
    for (std::string& word : memory) argv.push_back(word.data());
    HiddenArguments kept(static_cast<int>(argv.size()), argv.data());
    EXPECT_EQ(std::vector<std::string>(kept.argv(), kept.argv() + kept.argc()), words);
    EXPECT_EQ(kept.argv()[kept.argc()], nullptr);
    return memory;
}

using Words = std::vector<std::string>;

TEST(HiddenArguments, HidesValuesOfSecretSettings) {
    EXPECT_EQ(
        seen({"leveret", "serve", "--set", "default_pass=p=q", "--set=ssl_options.password=abc"}),
        (Words{"leveret", "serve", "--set", "default_pass=xxx", "--set=ssl_options.password=xxx"}));
    EXPECT_EQ(
        seen({"leveret", "serve", "--set", "default_user=bob", "--set=tcp_listen=5=5"}),
        (Words{"leveret", "serve", "--set", "default_user=bob", "--set=tcp_listen=5=5"}));
}

TEST(HiddenArguments, HidesPasswordsInUrls) {
    EXPECT_EQ(
        seen({"leveret", "bench", "--url", "amqps://bob:a@b@host:1/v?cacertfile=/x"}),
        (Words{"leveret", "bench", "--url", "amqps://bob:xxx@host:1/v?cacertfile=/x"}));
    EXPECT_EQ(seen({"b", "--url=amqp://bob:pq@host"}), (Words{"b", "--url=amqp://bob:xx@host"}));
    EXPECT_EQ(
        seen({"b", "amqp://host:5672/a@b", "amqp://bob@host:1", "amqp://"}),
        (Words{"b", "amqp://host:5672/a@b", "amqp://bob@host:1", "amqp://"}));
}

TEST(HiddenArguments, HidesPasswordsOfUsers) {
    EXPECT_EQ(
        seen({"leveret", "ctl", "-q", "add_user", "bob", "--pre-hashed-password", "abc"}),
        (Words{"leveret", "ctl", "-q", "add_user", "bob", "--pre-hashed-password", "xxx"}));
    EXPECT_EQ(
        seen({"rabbitmqctl", "change_password", "bob", "abc"}),
        (Words{"rabbitmqctl", "change_password", "bob", "xxx"}));
    EXPECT_EQ(seen({"leveret", "ctl", "list_users"}), (Words{"leveret", "ctl", "list_users"}));
}

}  // namespace
}  // namespace lvt::broker
