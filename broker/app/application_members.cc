// What the nodes of a cluster ask each other for ctl and the HTTP API (management/members.h).
#include "broker/app/application.h"
#include "broker/app/broker_control.h"
#include "broker/app/cluster_server.h"
#include "broker/app/management_server.h"
#include "broker/management/members.h"

namespace lvt::broker {
namespace {

/// rabbitmqctl's exit code.
constexpr unsigned kUnavailable = 69;

MemberSaid said_by(MemberAnswer& member) {
    MemberSaid out{member.id, std::move(member.name), {}};
    if (member.answer)
        out.told = MemberSaid::Told{member.answer->code, std::move(member.answer->text)};
    return out;
}

}  // namespace

Members Application::members() {
    if (!cluster_) return {};
    const auto ask = [this](
                         InquiryKind kind,
                         std::string question,
                         std::optional<cluster::NodeId>
                             only,
                         const Members::Done& done) {
        cluster_->ask(
            static_cast<std::uint8_t>(kind),
            std::move(question),
            only,
            [this, done](std::vector<MemberAnswer> answers) {
                auto said = std::make_shared<std::vector<MemberSaid>>();
                for (MemberAnswer& one : answers) said->push_back(said_by(one));
                core_thread_->loop().post([done, said] { done(std::move(*said)); });
            });
    };
    return {cluster_->node().id, ask};
}

void Application::on_question(
    cluster::Question question, std::function<void(cluster::Answer)> respond) {
    const auto tell = [respond](unsigned code, std::string text) {
        respond(
            {0, cluster::AnswerStatus::told, static_cast<std::uint16_t>(code), std::move(text)});
    };
    switch (static_cast<InquiryKind>(question.kind)) {
        case InquiryKind::control:
            return core_thread_->loop().post([this, tell, text = std::move(question.text)] {
                if (control_) return control_->answer_member(text, tell);
                tell(kUnavailable, "this node is not operated by ctl");
            });
        case InquiryKind::http:
            if (auto request = decode_member_request(question.text))
                return management_->answer_member(std::move(*request), tell);
            return tell(400, "the request makes no sense");
    }
    respond(
        {0,
         cluster::AnswerStatus::not_understood,
         0,
         fmt::format("questions of kind {}, which this node does not know", question.kind)});
}

}  // namespace lvt::broker
