// What operators ask of queues, connections and virtual hosts.
#include "broker/core/core_state.h"

#include <set>

namespace lvt::broker {

namespace {

/// What it holds is known there only.
AdminReply elsewhere(const Queue& queue) {
    return {
        AdminOutcome::unavailable,
        fmt::format(
            "queue '{}' in vhost '{}' lives at another node: ask that one",
            queue.name,
            queue.vhost->name()),
        0};
}

}  // namespace

Queue* CoreState::queue_to_operate(ByteView vhost_name, ByteView name) {
    const VirtualHost* const vhost = topology_.find_vhost(vhost_name);
    Queue* const queue = vhost ? vhost->find_queue(name) : nullptr;
    if (queue && queue->listed_to_run) run_queue(*queue);
    return queue;
}

void CoreState::administer(AdminId id, PurgeQueue& request) {
    Queue* const queue = queue_to_operate(request.vhost, request.queue);
    if (!queue) return answer(id, {AdminOutcome::not_found, request.queue, 0});
    if (!is_here(*queue)) return answer(id, elsewhere(*queue));
    const bool persistent = queue->persistent;
    AdminReply reply{AdminOutcome::done, {}, purge(*queue)};
    if (persistent) return answer_when_durable(id, std::move(reply));
    answer(id, std::move(reply));
}

void CoreState::administer(AdminId id, RemoveQueue& request) {
    Queue* const queue = queue_to_operate(request.vhost, request.queue);
    if (!queue) return answer(id, {AdminOutcome::not_found, request.queue, 0});
    if (!is_here(*queue) && (request.if_empty || request.if_unused))
        return answer(id, elsewhere(*queue));
    if (request.if_empty && queue->machine.ready() > 0)
        return answer(id, {AdminOutcome::not_empty, request.queue, 0});
    if (request.if_unused && !queue->machine.consumers().empty())
        return answer(id, {AdminOutcome::in_use, request.queue, 0});
    AdminReply reply{AdminOutcome::done, {}, queue->machine.ready()};
    if (clustered()) {
        ChangeDefinitions change;
        change.commands.push_back(DeleteQueue{request.vhost, request.queue, queue->uid});
        (void)propose(std::move(change), Proposal::AnswerAdmin{id, std::move(reply)});
        return;
    }
    const bool persistent = queue->persistent;
    delete_queue(*queue);
    if (persistent) return answer_when_durable(id, std::move(reply));
    answer(id, std::move(reply));
}

void CoreState::administer(AdminId id, CloseConnections& request) {
    const std::set<std::uint64_t> numbers(request.numbers.begin(), request.numbers.end());
    AdminReply reply;
    for (auto& lane : sessions_) {
        for (auto& session : lane) {
            if (!session || session->closing || session->internal) continue;
            if (!request.all && !numbers.contains(session->number)) continue;
            force_close(*session, request.reason);
            ++reply.count;
        }
    }
    answer(id, std::move(reply));
}

void CoreState::administer(AdminId id, SetTracing& request) {
    (void)set_tracing(request.vhost, request.on);
    answer(id, {});
}

}  // namespace lvt::broker
