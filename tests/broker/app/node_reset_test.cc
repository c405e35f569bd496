#include "broker/app/node_reset.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace lvt::broker {
namespace {

namespace fs = std::filesystem;

class NodeReset : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "leveret-reset-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        fs::create_directories(directory_ / "store" / "deep");
        std::ofstream(directory_ / "store" / "deep" / "file") << "data";
        std::ofstream(directory_ / "lock");
    }
    void TearDown() override { fs::remove_all(directory_); }

    fs::path directory_;
    NullLogSink log_;
};

TEST_F(NodeReset, WithoutTheMarkNothingIsRemoved) {
    ASSERT_TRUE(finish_reset(directory_, log_).has_value());
    EXPECT_TRUE(fs::exists(directory_ / "store" / "deep" / "file"));
    EXPECT_TRUE(finish_reset({}, log_).has_value());
    EXPECT_TRUE(finish_reset(directory_ / "nowhere", log_).has_value());
}

TEST_F(NodeReset, TheNextStartRemovesEverythingOnce) {
    ASSERT_TRUE(mark_reset(directory_).has_value());
    EXPECT_TRUE(fs::exists(directory_ / "store"));
    ASSERT_TRUE(finish_reset(directory_, log_).has_value());
    EXPECT_TRUE(fs::is_empty(directory_));
    std::ofstream(directory_ / "new");
    ASSERT_TRUE(finish_reset(directory_, log_).has_value());
    EXPECT_TRUE(fs::exists(directory_ / "new"));
}

}  // namespace
}  // namespace lvt::broker
