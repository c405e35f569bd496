#include "broker/app/operate_control.h"

#include "broker/core/topology.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace lvt::broker {

namespace {

namespace json = boost::json;

// Exit codes of rabbitmqctl.
constexpr int kUsage = 64;
constexpr int kUnavailable = 69;

Bytes text(const json::object& args, std::string_view key) {
    const json::value* const value = args.if_contains(key);
    return value && value->is_string() ? Bytes(value->get_string()) : Bytes();
}

bool is_set(const json::object& args, std::string_view key) {
    const json::value* const value = args.if_contains(key);
    return value && value->is_bool() && value->get_bool();
}

ControlAnswer done_with(json::value value) { return {std::move(value), {}, 0}; }

ControlAnswer answer_of(const MemberSaid::Told& told) {
    if (told.code != 0) return ControlAnswer::refusal(told.text, static_cast<int>(told.code));
    ControlAnswer answer;
    answer.serialized = told.text;
    return answer;
}

/// Of what each did.
std::uint64_t sum_of(const std::vector<MemberSaid>& said) {
    std::uint64_t sum = 0;
    for (const MemberSaid& one : said) {
        std::uint64_t count = 0;
        if (one.told && one.told->code == 0)
            (void)std::from_chars(
                one.told->text.data(), one.told->text.data() + one.told->text.size(), count);
        sum += count;
    }
    return sum;
}

ControlAnswer deleted(const AdminReply& reply) {
    switch (reply.outcome) {
        case AdminOutcome::done:
            return done_with(reply.count);
        case AdminOutcome::not_empty:
            return ControlAnswer::refusal("Queue is not empty", kUsage);
        case AdminOutcome::in_use:
            return ControlAnswer::refusal("Queue is in use", kUsage);
        case AdminOutcome::unavailable:
            return ControlAnswer::refusal(reply.text, kUnavailable);
        default:
            return ControlAnswer::refusal("Queue not found", kUsage);
    }
}

}  // namespace

OperateControl::OperateControl(
    const Core& core, CoreThread& thread, ResourceWatch& watch, const PidNames& pids,
    Members members, std::uint64_t memory_total_bytes, bool app_stopped, Hooks hooks)
    : core_(core),
      thread_(thread),
      watch_(watch),
      pids_(pids),
      members_(std::move(members)),
      memory_total_bytes_(memory_total_bytes),
      hooks_(std::move(hooks)),
      app_(app_stopped ? App::stopped : App::running) {}

bool OperateControl::operate(
    const std::string& verb, const json::object& args, ControlHandler::Done& done) {
    if (verb == "purge_queue")
        purge_queue(args, std::move(done));
    else if (verb == "delete_queue")
        delete_queue(args, std::move(done));
    else if (verb == "close_connections")
        close_connections(args, std::move(done));
    else if (verb == "trace_on" || verb == "trace_off")
        set_tracing(verb == "trace_on", args, std::move(done));
    else if (verb == "stop_app")
        stop_app(std::move(done));
    else if (verb == "start_app")
        start_app(std::move(done));
    else if (verb == "await_startup")
        await_startup(std::move(done));
    else if (verb == "set_vm_memory_high_watermark") {
        // No limit at all is written as 0 there; a watermark of 0 is an alarm that stays on.
        watch_.set_memory_limit(std::clamp<std::uint64_t>(
            limit_of(args), 1, std::max<std::uint64_t>(1, memory_total_bytes_)));
        done(done_with(true));
    } else if (verb == "set_disk_free_limit") {
        watch_.set_disk_free_limit(limit_of(args));
        done(done_with(true));
    } else {
        return false;
    }
    return true;
}

bool OperateControl::do_at_home(
    const std::string& verb, const json::object& args, const ControlHandler::Done& done,
    std::function<void()> otherwise) {
    if (!members_.ask || is_set(args, "local")) return false;
    const VirtualHost* const vhost = core_.topology().find_vhost(text(args, "vhost"));
    const Queue* const queue = vhost ? vhost->find_queue(text(args, "queue")) : nullptr;
    if (!queue || members_.is_here(*queue)) return false;
    members_.ask(
        InquiryKind::control,
        json::serialize(json::object{{"verb", verb}, {"args", args}}),
        queue->home,
        [done, otherwise = std::move(otherwise), name = queue->name](std::vector<MemberSaid> said) {
            if (!said.empty() && said.front().told) return done(answer_of(*said.front().told));
            if (otherwise) return otherwise();
            done(ControlAnswer::refusal(
                fmt::format(
                    "queue '{}' lives at {}, which is down",
                    name,
                    said.empty() ? "a node" : said.front().node),
                kUnavailable));
        });
    return true;
}

void OperateControl::purge_queue(const json::object& args, ControlHandler::Done done) {
    if (do_at_home("purge_queue", args, done, nullptr)) return;
    thread_.administer(
        PurgeQueue{text(args, "vhost"), text(args, "queue")},
        [done = std::move(done)](const AdminReply& reply) {
            if (reply.outcome == AdminOutcome::done) return done(done_with(reply.count));
            done(ControlAnswer::refusal("not_found", kUnavailable));
        });
}

void OperateControl::delete_queue(const json::object& args, ControlHandler::Done done) {
    const RemoveQueue request{
        text(args, "vhost"),
        text(args, "queue"),
        is_set(args, "if_empty"),
        is_set(args, "if_unused")};
    const auto remove = [this, request, done] {
        thread_.administer(request, [done](const AdminReply& reply) { done(deleted(reply)); });
    };
    // Without its home it can go as well, but nobody knows what is in it.
    const bool any = !request.if_empty && !request.if_unused;
    if (!do_at_home("delete_queue", args, done, any ? remove : std::function<void()>())) remove();
}

void OperateControl::close_connections(const json::object& args, ControlHandler::Done done) {
    CloseConnections request{{}, false, text(args, "reason")};
    json::array others;
    const json::value* const pids = args.if_contains("pids");
    for (const json::value& pid : pids && pids->is_array() ? pids->get_array() : json::array{}) {
        const std::string_view name =
            pid.is_string() ? std::string_view(pid.get_string()) : std::string_view();
        const auto parsed = pids_.parse(name);
        if (!parsed)
            return done(ControlAnswer::refusal(
                fmt::format("Error:\n{{:invalid_pid_syntax, \"{}\"}}", name), kUnavailable));
        if (parsed->ours)
            request.numbers.push_back(parsed->number);
        else
            others.emplace_back(name);
    }
    thread_.administer(
        std::move(request),
        [this,
         reason = text(args, "reason"),
         others = std::move(others),
         local = is_set(args, "local"),
         done = std::move(done)](const AdminReply& reply) {
            if (others.empty() || local || !members_.ask) return done(done_with(reply.count));
            members_.ask(
                InquiryKind::control,
                json::serialize(json::object{
                    {"verb", "close_connections"},
                    {"args", json::object{{"pids", others}, {"reason", reason}}}}),
                std::nullopt,
                [done, count = reply.count](const std::vector<MemberSaid>& said) {
                    done(done_with(count + sum_of(said)));
                });
        });
}

void OperateControl::set_tracing(bool on, const json::object& args, ControlHandler::Done done) {
    thread_.administer(
        SetTracing{text(args, "vhost"), on},
        [done = std::move(done)](const AdminReply&) { done(done_with(true)); });
}

std::uint64_t OperateControl::limit_of(const json::object& args) const {
    boost::system::error_code error;
    if (const json::value* const fraction = args.if_contains("fraction")) {
        const double share = fraction->to_number<double>(error);
        return error ? 0
                     : static_cast<std::uint64_t>(share * static_cast<double>(memory_total_bytes_));
    }
    const json::value* const bytes = args.if_contains("bytes");
    const auto value = bytes ? bytes->to_number<std::uint64_t>(error) : 0;
    return error ? 0 : value;
}

void OperateControl::stop_app(ControlHandler::Done done) {
    if (app_ == App::stopping)
        return done(ControlAnswer::refusal("the broker is being stopped already", kUnavailable));
    if (app_ == App::stopped) return done(done_with(true));
    app_ = App::stopping;
    serving_ = false;
    hooks_.stop_app([this, done = std::move(done)] {
        app_ = App::stopped;
        done(done_with(true));
    });
}

void OperateControl::start_app(ControlHandler::Done done) {
    if (app_ == App::stopping)
        return done(ControlAnswer::refusal("the broker is still being stopped", kUnavailable));
    if (app_ == App::stopped) {
        const Result<void> started = hooks_.start_app();
        if (started.has_error())
            return done(ControlAnswer::refusal(started.error().message, kUnavailable));
        app_ = App::running;
    }
    done(done_with(true));
    tell_waiting();
}

void OperateControl::await_startup(ControlHandler::Done done) {
    awaiting_.push_back(std::move(done));
    tell_waiting();
}

void OperateControl::on_serving() {
    serving_ = true;
    tell_waiting();
}

void OperateControl::tell_waiting() {
    if (app_ != App::running || !serving_) return;
    for (const ControlHandler::Done& waiting : std::exchange(awaiting_, {}))
        waiting(done_with(true));
}

}  // namespace lvt::broker
