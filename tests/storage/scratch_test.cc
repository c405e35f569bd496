#include "storage/scratch.h"

#include "tests/storage/faulty_fs.h"

#include <gtest/gtest.h>

namespace lvt::storage {
namespace {

class ScratchTest : public testing::Test {
protected:
    ScratchTest() {
        EXPECT_TRUE(fs.make_directory("/d").has_value());
        scratch.start(
            {[this](Page page) {
                 const std::lock_guard lock(mutex);
                 pages[page.id] = std::move(page.bytes);
                 changed.notify_all();
             },
             [this](std::uint64_t bytes) {
                 const std::lock_guard lock(mutex);
                 settled += bytes;
                 changed.notify_all();
             },
             [](Error error) { FAIL() << error.message; }});
    }
    ~ScratchTest() override { scratch.stop(); }

    Bytes take(std::uint64_t id) {
        scratch.take(PageId(id));
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return pages.contains(PageId(id)); });
        return pages.extract(PageId(id)).mapped();
    }
    void wait_until_settled(std::uint64_t bytes) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return settled == bytes; });
    }

    FaultyFs fs;
    NullLogSink log;
    Scratch scratch{fs, "/d/scratch", log};
    std::mutex mutex;
    std::condition_variable changed;
    std::map<PageId, Bytes> pages;
    std::uint64_t settled = 0;
};

TEST_F(ScratchTest, GivesBackWhatWasWrittenInAnyOrder) {
    for (std::uint64_t id = 1; id <= 50; ++id) scratch.write(PageId(id), Bytes(id * 100, 'a'));
    scratch.drop(PageId(7));
    for (std::uint64_t id = 50; id >= 1; --id) {
        if (id == 7) continue;
        EXPECT_EQ(take(id), Bytes(id * 100, 'a'));
    }
    wait_until_settled(100 * 50 * 51 / 2);
    scratch.write(PageId(51), "anew");
    EXPECT_EQ(take(51), "anew");
}

TEST_F(ScratchTest, AnEmptyFileGoesAtTheEnd) {
    scratch.write(PageId(1), "page");
    wait_until_settled(4);
    EXPECT_EQ(take(1), "page");
    scratch.stop();
    EXPECT_FALSE(*fs.exists("/d/scratch"));
}

TEST_F(ScratchTest, WhatIsLeftOfItGoesAtTheNextStart) {
    scratch.write(PageId(1), "page");
    wait_until_settled(4);
    scratch.stop();
    EXPECT_TRUE(*fs.exists("/d/scratch"));
    Scratch next(fs, "/d/scratch", log);
    next.start({[](Page) {}, [](std::uint64_t) {}, [](Error error) { FAIL() << error.message; }});
    while (*fs.exists("/d/scratch")) std::this_thread::yield();
    scratch.stop();
}

TEST_F(ScratchTest, OnAFullDiskAPageStaysInMemoryUntilThereIsSpace) {
    fs.set_capacity(1000);
    scratch.write(PageId(1), Bytes(5000, 'x'));
    scratch.write(PageId(2), Bytes(10, 'y'));
    EXPECT_EQ(take(2), Bytes(10, 'y'));
    EXPECT_EQ(take(1), Bytes(5000, 'x'));
    scratch.write(PageId(3), Bytes(5000, 'z'));
    fs.set_capacity(1'000'000);
    wait_until_settled(5000 + 10 + 5000);
    EXPECT_EQ(take(3), Bytes(5000, 'z'));
}

}  // namespace
}  // namespace lvt::storage
