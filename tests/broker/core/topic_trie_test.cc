#include "broker/core/topic_trie.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace lvt::broker {
namespace {

Destination numbered(std::size_t i) { return {reinterpret_cast<Queue*>(i + 1), nullptr}; }

bool matches(const std::string& pattern, const std::string& key) {
    TopicTrie trie;
    trie.insert(pattern, numbered(0));
    std::vector<Destination> out;
    trie.match(key, out);
    return !out.empty();
}

TEST(TopicTrie, TreatsEmptyWordsAsRabbitMqDoes) {
    EXPECT_TRUE(matches("#", ""));
    EXPECT_FALSE(matches("*", ""));
    EXPECT_TRUE(matches("a.*", "a."));
    EXPECT_TRUE(matches("a.#", "a"));
    EXPECT_TRUE(matches("#.b.#", "a.b.c.d"));
    EXPECT_FALSE(matches("*.b", "a.a.b"));
}

TEST(TopicTrie, WhatAKeyLedToIsForgottenWithEachChange) {
    TopicTrie trie;
    trie.insert("a.*", numbered(0));
    const auto found = [&] {
        std::vector<Destination> out{numbered(9)};  // what others have found stays
        trie.match("a.b", out);
        return out.size() - 1;
    };
    EXPECT_EQ(found(), 1u);
    EXPECT_EQ(found(), 1u);
    trie.insert("#.b", numbered(1));
    EXPECT_EQ(found(), 2u);
    trie.erase("a.*", numbered(0));
    EXPECT_EQ(found(), 1u);
}

/// The obvious way.
bool slow_match(
    const std::vector<std::string>& pattern, std::size_t p, const std::vector<std::string>& key,
    std::size_t k) {
    if (p == pattern.size()) return k == key.size();
    if (pattern[p] == "#") {
        for (std::size_t i = k; i <= key.size(); ++i) {
            if (slow_match(pattern, p + 1, key, i)) return true;
        }
        return false;
    }
    return k < key.size() && (pattern[p] == "*" || pattern[p] == key[k]) &&
           slow_match(pattern, p + 1, key, k + 1);
}

std::string join(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (&word == &words[0] ? "" : ".") + word;
    return out;
}

TEST(TopicTrie, AgreesWithAScan) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto words = [&](std::vector<std::string> alphabet) {
        std::vector<std::string> out(1 + random() % 5);
        for (auto& word : out) word = alphabet[random() % alphabet.size()];
        return out;
    };
    TopicTrie trie;
    std::vector<std::vector<std::string>> patterns;
    for (std::size_t i = 0; i < 300; ++i) {
        patterns.push_back(words({"a", "b", "c", "*", "#"}));
        trie.insert(join(patterns.back()), numbered(i));
    }
    for (std::size_t i = 0; i < 300; i += 3) trie.erase(join(patterns[i]), numbered(i));
    for (int round = 0; round < 1000; ++round) {
        const auto key = words({"a", "b", "c", "d"});
        std::vector<Destination> found;
        trie.match(join(key), found);
        std::vector<Destination> again;
        trie.match(join(key), again);
        ASSERT_EQ(found, again);
        for (std::size_t i = 0; i < 300; ++i) {
            const bool expected = i % 3 != 0 && slow_match(patterns[i], 0, key, 0);
            const bool actual = std::find(found.begin(), found.end(), numbered(i)) != found.end();
            ASSERT_EQ(actual, expected) << join(patterns[i]) << " and " << join(key);
        }
    }
}

}  // namespace
}  // namespace lvt::broker
