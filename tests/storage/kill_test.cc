// kill -9 of a process that writes at full speed; then everything it was told to be durable is there.

#include "storage/posix_fs.h"
#include "tests/storage/kill_options.h"
#include "tests/storage/rocks_life.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

namespace lvt::storage {
namespace {

/// Starts the writer, kills it once `lsn` is durable; answers the last lsn it called durable.
Lsn write_and_kill(const Path& dir, std::uint64_t seed, Lsn lsn) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    Bytes path = KILL_WRITER;
    Bytes directory = dir.string();
    Bytes number = std::to_string(seed);
    char* arguments[] = {path.data(), directory.data(), number.data(), nullptr};
    pid_t child = 0;
    EXPECT_EQ(::posix_spawn(&child, path.c_str(), &actions, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    std::uint64_t durable = 0;
    bool killed = false;
    std::uint64_t value = 0;
    // What is in the pipe after the kill was told to us, too.
    while (::read(ends[0], &value, sizeof value) == sizeof value) {
        durable = value;
        if (durable < lsn.value() || killed) continue;
        ::kill(child, SIGKILL);
        killed = true;
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(killed && WIFSIGNALED(status)) << "the writer ended by itself: " << status;
    return Lsn{durable};
}

}  // namespace

TEST(Kill, NothingConfirmedIsLost) {
    PosixFs fs;
    for (std::uint64_t round = 1; round <= 8; ++round) {
        SCOPED_TRACE(round);
        Bytes name = (std::filesystem::temp_directory_path() / "leveret-kill-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        const Lsn durable = write_and_kill(name, round, Lsn{1 + round * round * 40});
        {
            RocksLife life(fs, kill_options(name), round, kill_mix());
            while (life.model.last().value() < durable.value() + kInFlightMax)
                (void)life.model.next_commit();
            life.durable = durable;
            ASSERT_TRUE(life.open()) << life.error->message;
            life.check();
            life.commit();
            EXPECT_TRUE(life.wait_durable());
        }
        std::filesystem::remove_all(name);
    }
}

}  // namespace lvt::storage
