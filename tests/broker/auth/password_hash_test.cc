#include "broker/auth/password_hash.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

TEST(PasswordHash, KnowsItsOwn) {
    const Bytes hash = hash_password("secret", "salt");
    EXPECT_TRUE(verify_password("secret", hash));
    EXPECT_FALSE(verify_password("secret ", hash));
    EXPECT_FALSE(verify_password("", hash));
}

TEST(PasswordHash, KnowsRabbitmqs) {
    // rabbitmqctl hash_password test12; SHA-256.
    EXPECT_TRUE(verify_password("test12", "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"));
    EXPECT_FALSE(verify_password("test13", "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"));
}

TEST(PasswordHash, WhatIsNoHashRefusesEveryPassword) {
    // The third has the length of a hash.
    for (const Bytes& hash : {Bytes(), Bytes("nonsense"), Bytes(48, '!'), Bytes(47, 'A')})
        for (const char* password : {"", "guest", "nonsense"})
            EXPECT_FALSE(verify_password(password, hash)) << hash;
}

}  // namespace
}  // namespace lvt::broker
