// A cluster's topology as a whole: what a node gives to one that is too far behind for the group's log, and what becomes of what that
// one had.
#include "broker/core/core_state.h"
#include "protocol/base/byte_writer.h"

#include <set>

namespace lvt::broker {

namespace {

// Frozen:
//   u8 format version (1) | { u32 length, command } *
constexpr std::uint8_t kStateFormat = 1;

/// The name of what a command puts, without what it says of it; empty: it is never taken away.
struct KeyOf {
    Bytes operator()(const PutVhost& c) const { return key("vhost", {c.name}); }
    Bytes operator()(const PutUser& c) const { return key("user", {c.name}); }
    Bytes operator()(const PutPermissions& c) const { return key("may", {c.user, c.vhost}); }
    Bytes operator()(const PutTopicPermissions& c) const {
        return key("topic", {c.user, c.vhost, c.exchange});
    }
    Bytes operator()(const PutPolicy& c) const {
        return key(c.of_operator ? "operator" : "policy", {c.vhost, c.name});
    }
    Bytes operator()(const PutLimits& c) const {
        return key(c.of_user ? "user-limits" : "vhost-limits", {c.name});
    }
    Bytes operator()(const PutGlobalParameter& c) const { return key("global", {c.name}); }
    /// These cannot be changed: what is not the same is another one.
    Bytes operator()(const PutExchange& c) const { return encode_metadata(c); }
    Bytes operator()(const PutQueue& c) const {
        return key("queue", {c.vhost, c.name, std::to_string(c.uid.value())});
    }
    Bytes operator()(const PutBinding& c) const { return encode_metadata(c); }
    template <class Other>
    Bytes operator()(const Other&) const {
        return {};
    }

private:
    static Bytes key(ByteView kind, std::initializer_list<Bytes> parts) {
        Bytes out(kind);
        ByteWriter writer(out);
        for (const Bytes& part : parts) writer.long_string(part);
        return out;
    }
};

/// What takes away what a command has put.
struct Inverse {
    using Answer = std::optional<MetadataCommand>;
    Answer operator()(const PutVhost& c) const { return DeleteVhost{c.name}; }
    Answer operator()(const PutUser& c) const { return DeleteUser{c.name}; }
    Answer operator()(const PutPermissions& c) const { return DeletePermissions{c.user, c.vhost}; }
    Answer operator()(const PutTopicPermissions& c) const {
        return DeleteTopicPermissions{c.user, c.vhost, c.exchange};
    }
    Answer operator()(const PutPolicy& c) const {
        return DeletePolicy{c.vhost, c.name, c.of_operator};
    }
    Answer operator()(const PutLimits& c) const { return PutLimits{c.of_user, c.name, {}}; }
    Answer operator()(const PutGlobalParameter& c) const { return DeleteGlobalParameter{c.name}; }
    Answer operator()(const PutExchange& c) const { return DeleteExchange{c.vhost, c.name}; }
    Answer operator()(const PutQueue& c) const { return DeleteQueue{c.vhost, c.name, c.uid}; }
    Answer operator()(const PutBinding& c) const {
        return DeleteBinding{
            c.vhost, c.source, c.to_queue, c.destination, c.routing_key, c.arguments};
    }
    template <class Other>
    Answer operator()(const Other&) const {
        return {};
    }
};

}  // namespace

ClusterState CoreState::cluster_state() const {
    ClusterState out{topology_.applied().index, {}};
    ByteWriter writer(out.bytes);
    writer.u8(kStateFormat);
    for (const MetadataCommand& command : topology_.cluster_commands()) {
        // Each node has delay queues of its own.
        if (std::holds_alternative<PutDelayQueue>(command)) continue;
        writer.long_string(encode_metadata(command));
    }
    return out;
}

Result<void> CoreState::on_installed(std::uint64_t index, ByteView state, Time now) {
    now_ = now;
    if (index <= topology_.applied().index) return {};
    ByteReader in(state);
    const std::uint8_t format = in.u8();
    if (!in.ok() || format != kStateFormat)
        return Error{ErrorKind::unsupported, fmt::format("cluster state of version {}", format)};
    auto commands = read_commands(in, "cluster state");
    if (commands.has_error()) return std::move(commands).error();
    ChangeDefinitions wanted;
    std::set<Bytes> keys;
    std::vector<NoteApplied> marks;
    for (MetadataCommand& command : *commands) {
        if (const auto* const mark = std::get_if<NoteApplied>(&command)) {
            marks.push_back(*mark);
            continue;
        }
        if (Bytes key = std::visit(KeyOf{}, command); !key.empty()) keys.insert(std::move(key));
        wanted.commands.push_back(std::move(command));
    }
    ChangeDefinitions gone;
    std::vector<MetadataCommand> had = topology_.cluster_commands();
    // What stands in something goes before it.
    for (auto command = had.rbegin(); command != had.rend(); ++command) {
        const Bytes key = std::visit(KeyOf{}, *command);
        if (key.empty() || keys.contains(key)) continue;
        if (auto inverse = std::visit(Inverse{}, *command)) gone.commands.push_back(*inverse);
    }
    for (ChangeDefinitions* const request : {&gone, &wanted}) {
        std::erase_if(request->commands, [&](const MetadataCommand& command) {
            return std::holds_alternative<BeginSeed>(command) && topology_.applied().seeded;
        });
        for (MetadataCommand& command : request->commands) {
            ChangeDefinitions one;
            one.commands.push_back(std::move(command));
            (void)define_all(one);
        }
    }
    for (const NoteApplied& mark : marks) change(mark, true);
    change(NoteApplied{index, {}, 0, 0, {}}, true);
    settle_proposals();
    return {};
}

}  // namespace lvt::broker
