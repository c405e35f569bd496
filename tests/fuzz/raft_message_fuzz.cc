// A message of a group from arbitrary bytes: what is accepted encodes to the same octets, and a follower, a leader and a blank node
// survive it. The same bytes as a group's record of the journal.
#include "cluster/raft/raft_group.h"
#include "protocol/base/assert.h"

namespace {

using namespace lvt::cluster;

LogStore three() {
    LogStore log = LogStore::bootstrapped(Configuration(
        {{NodeId{1}, Role::voter}, {NodeId{2}, Role::voter}, {NodeId{3}, Role::voter}}));
    log.write(LogIndex{2}, {{Term{1}, EntryType::command, "two"}});
    return log;
}

void give(Message message, LogStore log) {
    RaftGroup::Options options;
    options.group = message.group;
    options.self = message.to;
    if (options.self == NodeId{} || log.term() > Term{1}) return;
    RaftGroup group(options, std::move(log));
    group.start(1, LogIndex{});
    try {
        group.receive(2, std::move(message));
        const GroupOutput out = group.take();
        if (out.ticket != 0) group.persisted(3, out.ticket);
        group.tick(10'000);
        for (const Outgoing& sent : group.take().messages)
            ASSERT(decode_message(sent.bytes).has_value());
    } catch (const lvt::AssertionFailure&) {
        // What no sound cluster says may stop the node; it must not hurt it.
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const lvt::ByteView bytes(reinterpret_cast<const char*>(data), size);
    const lvt::Result<Message> message = decode_message(bytes);
    if (message.has_value()) {
        ASSERT(encode_message(*message) == bytes);
        give(*message, three());
        give(*message, LogStore());
        give(*message, LogStore::bootstrapped(Configuration({{message->to, Role::voter}})));
    }
    LogStore log;
    if (log.replay(bytes).has_value()) (void)log.finish_replay();
    return 0;
}
