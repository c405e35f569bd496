// What administrators ask: checked as a whole, then changed, then answered when it is durable.
#include "broker/core/core_state.h"

namespace lvt::broker {

void CoreState::administer(AdminId id, AdminRequest& request, Time now) {
    now_ = now;
    std::visit([&](auto& r) { administer(id, r); }, request);
}

void CoreState::answer(AdminId id, AdminReply reply) {
    output_.answers.push_back({id, std::move(reply)});
}

void CoreState::answer_when_durable(AdminId id, AdminReply reply) {
    if (commits_.durable(commits_.ticket())) return answer(id, std::move(reply));
    commits_.request();
    wait({commits_.ticket(), {}, Waiter::Administered{{id, std::move(reply)}}});
}

void CoreState::administer(AdminId id, ChangeDefinitions& request) {
    for (const MetadataCommand& command : request.commands) change(command, true);
    answer_when_durable(id, {});
}

}  // namespace lvt::broker
