// A journal whose only segment holds arbitrary bytes, and one that continues a good one: it opens or is refused, and what it
// replays can be replayed again.
#include "protocol/base/assert.h"
#include "storage/segment_log.h"
#include "tests/storage/faulty_fs.h"

namespace {

using namespace lvt::storage;

const Path kDir = "/journal";

lvt::Result<Lsn> replay(FaultyFs& fs) {
    SegmentLog log(fs, {kDir, 1 << 16, 1 << 20, {}});
    std::uint64_t expected = 1;
    return log.open(Lsn{0}, [&](Lsn lsn, lvt::ByteView) -> lvt::Result<void> {
        ASSERT(lsn.value() == expected++);
        return {};
    });
}

void put(FaultyFs& fs, const char* name, lvt::ByteView bytes) {
    const auto file = fs.open(kDir / name, OpenMode::create);
    ASSERT((*file)->write(0, bytes).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const lvt::ByteView bytes(reinterpret_cast<const char*>(data), size);
    {
        FaultyFs fs;
        ASSERT(fs.make_directory(kDir).has_value());
        put(fs, "segment-1", bytes);
        (void)replay(fs);
    }
    FaultyFs fs;
    ASSERT(fs.make_directory(kDir).has_value());
    // A good header and a good record, then the input as records.
    lvt::Bytes segment = encode_segment_header({1, Lsn{1}});
    char header[kRecordHeaderBytes];
    store_record_header(header, {.generation = 1, .lsn = Lsn{1}}, "a commit");
    segment.append(header, sizeof header).append("a commit").append(bytes);
    put(fs, "segment-1", segment);
    const lvt::Result<Lsn> first = replay(fs);
    if (first.has_error()) return 0;
    ASSERT(*first >= Lsn{1});
    ASSERT(*replay(fs) == *first);
    return 0;
}
