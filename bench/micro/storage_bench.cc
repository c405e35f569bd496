// What durability costs: the journal beside a plain append + fdatasync of the same bytes, and the parts that run per message.
//
// The argument is the number of messages a commit. Wall times depend on the disk of the moment: compare rows of one run only.
#include "storage/crc32c.h"
#include "storage/journal.h"
#include "storage/posix_fs.h"
#include "storage/record.h"

#include <benchmark/benchmark.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>

namespace lvt::storage {
namespace {

constexpr std::size_t kBodyBytes = 1024;

class Directory {
public:
    Directory() : path_(std::filesystem::temp_directory_path() / "leveret-bench-XXXXXX") {
        Bytes name = path_.string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    const Path& path() const { return path_; }

private:
    Path path_;
};

Bytes commit_of(std::int64_t messages) {
    static const Bytes body(kBodyBytes, 'x');
    RecordWriter writer;
    for (std::int64_t i = 0; i < messages; ++i) {
        const Target target{QueueUid{1}, static_cast<Seq>(i)};
        writer.message({&target, 1}, {.published_at_ms = 1}, {}, body);
    }
    return writer.take();
}

void count(benchmark::State& state) {
    state.SetItemsProcessed(state.iterations() * state.range(0));
    state.SetBytesProcessed(state.iterations() * state.range(0) * kBodyBytes);
}

}  // namespace

static void BM_RawAppendAndSync(benchmark::State& state) {
    const Directory directory;
    PosixFs fs;
    const auto file = fs.open(directory.path() / "raw", OpenMode::create);
    const Bytes commit = commit_of(state.range(0));
    std::uint64_t offset = 0;
    for (auto _ : state) {
        if ((*file)->write(offset, commit).has_error()) std::abort();
        if ((*file)->sync_data().has_error()) std::abort();
        offset += commit.size();
    }
    count(state);
}
BENCHMARK(BM_RawAppendAndSync)->Arg(1)->Arg(64)->Arg(1000)->UseRealTime();

static void BM_JournalCommit(benchmark::State& state) {
    const Directory directory;
    PosixFs fs;
    Journal journal(fs, {directory.path() / "journal", 16 << 20, 64 << 20, {}});
    if (journal.open(Lsn{0}, [](Lsn, ByteView) { return Result<void>(); }).has_error())
        std::abort();
    std::mutex mutex;
    std::condition_variable changed;
    Lsn durable;
    journal.start(
        {[&](Lsn lsn) {
             const std::lock_guard lock(mutex);
             durable = lsn;
             changed.notify_one();
         },
         [](Error) { std::abort(); }});
    const Bytes commit = commit_of(state.range(0));
    Lsn last;
    for (auto _ : state) {
        last = Lsn{last.value() + 1};
        journal.append(last, commit);
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return durable == last; });
        lock.unlock();
        // So that segments are used again, as they are in the long run.
        journal.log().recycle(last);
    }
    count(state);
}
BENCHMARK(BM_JournalCommit)->Arg(1)->Arg(64)->Arg(1000)->UseRealTime();

static void BM_RecordWriterMessage(benchmark::State& state) {
    const Bytes body(static_cast<std::size_t>(state.range(0)), 'x');
    const Target target{QueueUid{1}, 1};
    RecordWriter writer;
    for (auto _ : state) {
        writer.message({&target, 1}, {.published_at_ms = 1}, body, {});
        if (writer.size() > 500'000) benchmark::DoNotOptimize(writer.take());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_RecordWriterMessage)->Arg(24)->Arg(1024);

static void BM_Crc32c(benchmark::State& state) {
    const Bytes bytes(static_cast<std::size_t>(state.range(0)), 'x');
    for (auto _ : state) benchmark::DoNotOptimize(crc32c(0, bytes));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc32c)->Arg(64)->Arg(1024)->Arg(65536);

}  // namespace lvt::storage
