// What the core waits for of the cluster's metadata group.
#pragma once

#include "broker/core/admin_request.h"
#include "broker/core/queue.h"
#include "protocol/amqp/method.h"

#include <memory>
#include <optional>
#include <variant>

namespace lvt::broker {

/// A change of topology that was handed to the group.
struct Proposal {
    struct Nothing {};
    /// The channel's method is carried out again, unless there is an answer already. Without a method the channel only waits.
    struct RunAgain {
        ChannelKey channel;
        std::unique_ptr<amqp::Method> method;
        std::unique_ptr<amqp::Method> answer;
    };
    struct AnswerAdmin {
        AdminId id;
        /// Where nothing went wrong.
        AdminReply reply;
    };
    using Action = std::variant<Nothing, RunAgain, AnswerAdmin>;

    std::uint64_t number = 0;
    /// Monotonic: nobody waits for it after that.
    Milliseconds deadline{0};
    Action action;
};

/// A connection's end that waits until what it has proposed is done, or its deadline.
struct DeferredClose {
    std::uint64_t number = 0;
    Milliseconds deadline{0};
    LaneIndex lane = 0;
    CloseSession command;
};

}  // namespace lvt::broker
