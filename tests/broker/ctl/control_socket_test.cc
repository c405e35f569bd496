#include "broker/ctl/control_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lvt::broker {
namespace {

class ControlSocket : public testing::Test {
protected:
    ControlSocket() {
        std::string name = (std::filesystem::temp_directory_path() / "leveret-ctl-XXXXXX");
        directory_ = ::mkdtemp(name.data());
    }
    ~ControlSocket() override { std::filesystem::remove_all(directory_); }

    std::filesystem::path directory_;
};

TEST_F(ControlSocket, ConnectsToAListener) {
    const auto listener = listen_control_socket(directory_);
    ASSERT_TRUE(listener.has_value()) << listener.error().message;
    const auto client = connect_control_socket(directory_);
    ASSERT_TRUE(client.has_value()) << client.error().message;
    const auto peer = peer_of(client->get());
    ASSERT_TRUE(peer.has_value());
    EXPECT_EQ(peer->pid, ::getpid());
    EXPECT_EQ(peer->uid, ::geteuid());
}

TEST_F(ControlSocket, WorksInADirectoryWithALongName) {
    const std::filesystem::path deep = directory_ / std::string(100, 'a') / std::string(100, 'b');
    std::filesystem::create_directories(deep);
    const auto listener = listen_control_socket(deep);
    ASSERT_TRUE(listener.has_value()) << listener.error().message;
    EXPECT_TRUE(std::filesystem::is_socket(deep / kControlSocketName));
    EXPECT_TRUE(connect_control_socket(deep).has_value());
}

TEST_F(ControlSocket, OnlyItsOwnerMayConnect) {
    const auto listener = listen_control_socket(directory_);
    struct stat status {};
    ASSERT_EQ(::stat((directory_ / kControlSocketName).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(ControlSocket, ReplacesWhatADeadBrokerLeft) {
    { const auto dead = listen_control_socket(directory_); }
    EXPECT_EQ(connect_control_socket(directory_).error().kind, ErrorKind::not_found);
    EXPECT_TRUE(listen_control_socket(directory_).has_value());
}

TEST_F(ControlSocket, RefusesBesideALiveBroker) {
    const auto live = listen_control_socket(directory_);
    const auto second = listen_control_socket(directory_);
    ASSERT_TRUE(second.has_error());
    EXPECT_EQ(second.error().kind, ErrorKind::invalid);
    EXPECT_TRUE(connect_control_socket(directory_).has_value());
}

TEST_F(ControlSocket, NobodyThere) {
    EXPECT_EQ(connect_control_socket(directory_).error().kind, ErrorKind::not_found);
    EXPECT_EQ(connect_control_socket(directory_ / "none").error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace lvt::broker
