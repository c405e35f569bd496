// Topology that the nodes of a cluster share: every change goes to the metadata group first, and is made when it comes back, by all
// nodes in the same order. A proposal is a list of commands with what they require; a node's proposals are carried out once each and
// in their order, whatever of them the group got twice or not at all.
#include "broker/auth/password_hash.h"
#include "broker/core/core_state.h"
#include "protocol/base/byte_writer.h"

namespace lvt::broker {

namespace {

/// An election takes a tenth of it: who waits longer has no majority.
constexpr Milliseconds kProposalTimeout{5000};
/// Below what an entry of the group's log can hold.
constexpr std::size_t kProposalBytesMax = cluster::kEntryBytesMax - 4096;

// In the group's log, frozen:
//   u8 format version (1) | u8 require | { u32 length, command } *
constexpr std::uint8_t kProposalFormat = 1;

Bytes begin_proposal(ChangeDefinitions::Require require) {
    Bytes out;
    ByteWriter writer(out);
    writer.u8(kProposalFormat);
    writer.u8(static_cast<std::uint8_t>(require));
    return out;
}

Result<ChangeDefinitions> decode_proposal(ByteView bytes) {
    ByteReader in(bytes);
    const std::uint8_t format = in.u8();
    ChangeDefinitions out;
    out.require = static_cast<ChangeDefinitions::Require>(in.u8());
    if (!in.ok() || format != kProposalFormat || out.require > ChangeDefinitions::Require::present)
        return Error{
            ErrorKind::unsupported, fmt::format("metadata proposal of version {}", format)};
    auto commands = read_commands(in, "metadata proposal");
    if (commands.has_error()) return std::move(commands).error();
    out.commands = std::move(*commands);
    return out;
}

}  // namespace

std::uint64_t CoreState::propose(ChangeDefinitions request, Proposal::Action action) {
    const auto hand_out = [&](Bytes bytes, Proposal::Action what) {
        output_.proposals.push_back({++last_proposal_, std::move(bytes)});
        proposals_.push_back({last_proposal_, now_.monotonic + kProposalTimeout, std::move(what)});
    };
    Bytes bytes = begin_proposal(request.require);
    for (const MetadataCommand& command : request.commands) {
        const Bytes encoded = encode_metadata(command);
        if (bytes.size() + encoded.size() + 4 > kProposalBytesMax && bytes.size() > 2) {
            // What is too large for one entry comes in several; the last one answers.
            hand_out(std::exchange(bytes, begin_proposal(request.require)), Proposal::Nothing{});
        }
        ByteWriter(bytes).long_string(encoded);
    }
    hand_out(std::move(bytes), std::move(action));
    return last_proposal_;
}

Done CoreState::wish(
    ChannelState& channel, MetadataCommand command, std::unique_ptr<amqp::Method> answer) {
    pause(channel);
    ChangeDefinitions request;
    request.commands.push_back(std::move(command));
    channel.session->last_proposal = propose(
        std::move(request),
        Proposal::RunAgain{key_of(channel), std::move(*performing_), std::move(answer)});
    return {};
}

void CoreState::store_group(GroupRecord record, Time now) {
    now_ = now;
    commits_.add_group(record.group, record.bytes);
    wait({commits_.ticket(), {}, Waiter::GroupStored{record.ticket}});
    snapshot_wanted_ |= record.checkpoint;
}

void CoreState::on_committed(const std::vector<ClusterEntry>& entries, Time now) {
    now_ = now;
    for (const ClusterEntry& entry : entries) apply_entry(entry);
    run_closes();
}

void CoreState::apply_entry(const ClusterEntry& entry) {
    const AppliedLog& applied = topology_.applied();
    if (entry.index <= applied.index) return;
    const auto mark = applied.marks.find(entry.origin);
    const auto [starts, number] = mark == applied.marks.end() ? AppliedLog::Mark{} : mark->second;
    const bool next = entry.starts == starts ? entry.number == number + 1
                                             : entry.starts > starts && entry.number == 1;
    if (!next)
        return;  // It came twice, or one before it is still on its way and this one comes again.
    const bool own = entry.origin == node_.id && entry.starts == node_.starts;
    std::optional<Proposal> proposal;
    if (own) {
        ASSERT(!proposals_.empty() && proposals_.front().number == entry.number);
        proposal = std::move(proposals_.front());
        proposals_.pop_front();
        if (auto* const again = std::get_if<Proposal::RunAgain>(&proposal->action)) {
            proposer_ = find_session(again->channel.lane, again->channel.session);
            give_answer(*again);
        }
    }
    AdminReply outcome;
    auto request = decode_proposal(entry.command);
    if (request.has_value()) {
        outcome = define_all(*request);
    } else {
        // Of a later version of Leveret: all of this one pass over it alike.
        log_.log(LogLevel::error, "cluster: {}", request.error().message);
        outcome = {AdminOutcome::invalid, request.error().message, 0};
    }
    proposer_ = nullptr;
    change(NoteApplied{entry.index, entry.origin, entry.starts, entry.number, {}}, true);
    if (proposal) finish(*proposal, std::move(outcome));
}

/// Before the change, as where there is no cluster: the end of a queue's consumers reaches its channel after delete-ok.
void CoreState::give_answer(Proposal::RunAgain& again) {
    if (!again.answer) return;
    again.method.reset();
    const ChannelKey& key = again.channel;
    if (find_channel(key))
        effects(key.lane).push_back(Reply{key.session, key.channel, std::move(again.answer)});
}

void CoreState::finish(Proposal& proposal, AdminReply outcome) {
    if (auto* const again = std::get_if<Proposal::RunAgain>(&proposal.action)) {
        run_again(*again);
    } else if (auto* const admin = std::get_if<Proposal::AnswerAdmin>(&proposal.action)) {
        const bool done = outcome.outcome == AdminOutcome::done;
        answer(admin->id, done ? std::move(admin->reply) : std::move(outcome));
    }
}

void CoreState::run_again(Proposal::RunAgain& again) {
    ChannelState* const channel = find_channel(again.channel);
    if (!channel || channel->session->closing) return;
    const ChannelKey key = again.channel;
    if (!again.method) return resume(*channel);
    channel->waiting = false;
    const LaneIndex lane = std::exchange(lane_, key.lane);
    Perform command{key.session, key.channel, std::move(again.method)};
    const bool outer = std::exchange(running_again_, true);
    perform(command);
    running_again_ = outer;
    lane_ = lane;
    if (ChannelState* const still = find_channel(key)) run_deferred(*still);
}

/// A state that came as a whole may hold what was proposed here.
void CoreState::settle_proposals() {
    const auto mark = topology_.applied().marks.find(node_.id);
    if (mark == topology_.applied().marks.end() || mark->second.starts != node_.starts) return;
    while (!proposals_.empty() && proposals_.front().number <= mark->second.number) {
        Proposal proposal = std::move(proposals_.front());
        proposals_.pop_front();
        if (auto* const again = std::get_if<Proposal::RunAgain>(&proposal.action))
            give_answer(*again);
        finish(proposal, {});
    }
    run_closes();
}

/// What has no majority is given up as far as clients are concerned; the group may still come to it.
void CoreState::give_up_proposals() {
    for (Proposal& proposal : proposals_) {
        if (proposal.deadline > now_.monotonic) break;
        Proposal::Action action = std::exchange(proposal.action, Proposal::Nothing{});
        if (auto* const again = std::get_if<Proposal::RunAgain>(&action)) {
            ChannelState* const channel = find_channel(again->channel);
            if (!channel || channel->session->closing) continue;
            if (!again->method) {
                // What the client asked for is done; only the rest takes longer.
                give_answer(*again);
                run_again(*again);
                continue;
            }
            fail(
                *channel,
                amqp::AmqpError{
                    amqp::ReplyCode::precondition_failed,
                    "the cluster has no majority: the change cannot be agreed on now"});
        } else if (const auto* const admin = std::get_if<Proposal::AnswerAdmin>(&action)) {
            answer(admin->id, {AdminOutcome::unavailable, "the cluster has no majority", 0});
        }
    }
    run_closes();
}

std::optional<Milliseconds> CoreState::proposals_deadline() const {
    std::optional<Milliseconds> out;
    for (const Proposal& proposal : proposals_) {
        if (std::holds_alternative<Proposal::Nothing>(proposal.action)) continue;
        out = proposal.deadline;
        break;
    }
    for (const DeferredClose& close : closes_)
        out = out ? std::min(*out, close.deadline) : close.deadline;
    return out;
}

bool CoreState::after_proposals(SessionState& session, CloseSession& command) {
    const bool pending = !proposals_.empty() && session.last_proposal >= proposals_.front().number;
    if (!pending) return false;
    closes_.push_back(
        {session.last_proposal, now_.monotonic + kProposalTimeout, lane_, std::move(command)});
    return true;
}

void CoreState::run_closes() {
    for (std::size_t i = 0; i < closes_.size();) {
        const bool done = proposals_.empty() || closes_[i].number < proposals_.front().number;
        if (!done && closes_[i].deadline > now_.monotonic) {
            ++i;
            continue;
        }
        DeferredClose close = std::move(closes_[i]);
        closes_.erase(closes_.begin() + static_cast<std::ptrdiff_t>(i));
        SessionState* const session = find_session(close.lane, close.command.session);
        if (!session) continue;
        // In time or not, it does not wait again for the same.
        if (session->last_proposal == close.number) session->last_proposal = 0;
        const LaneIndex lane = std::exchange(lane_, close.lane);
        perform(close.command);
        lane_ = lane;
        i = 0;
    }
}

std::vector<MetadataCommand> CoreState::default_commands() {
    const CoreOptions& o = options_;
    return {
        PutVhost{o.default_vhost},
        DescribeVhost{o.default_vhost, "Default virtual host", {}, {}},
        PutUser{
            o.default_user, hash_password(o.default_pass, random_.bytes(4)), o.default_user_tags},
        PutPermissions{
            o.default_user, o.default_vhost, o.default_configure, o.default_write, o.default_read}};
}

void CoreState::on_leading(Time now) {
    now_ = now;
    if (!clustered() || topology_.applied().seeded || std::exchange(seed_proposed_, true)) return;
    ChangeDefinitions seed;
    seed.commands.push_back(BeginSeed{});
    std::vector<MetadataCommand> definitions = topology_.durable_commands();
    if (definitions.empty() && !options_.default_vhost.empty()) definitions = default_commands();
    for (MetadataCommand& command : definitions) {
        if (std::holds_alternative<PutDelayQueue>(command)) continue;
        if (auto* const queue = std::get_if<PutQueue>(&command)) queue->home = node_.id;
        seed.commands.push_back(std::move(command));
    }
    (void)propose(std::move(seed), Proposal::Nothing{});
}

/// Clients of an earlier process have gone, and so have what only they could use and what was not to survive it.
void CoreState::on_joined(Time now) {
    now_ = now;
    topology_.for_each_queue([&](Queue& queue) {
        if (queue.home != node_.id || queue.persistent || queue.owner) return;
        delete_queue(queue);
    });
}

}  // namespace lvt::broker
