// What a publish asks for in its properties: copies by the CC and BCC headers, replies by reply_to.
#include "broker/core/core_state.h"
#include "broker/core/message_copy.h"
#include "broker/core/reply_to.h"
#include "protocol/amqp/properties.h"

namespace lvt::broker {

using amqp::AmqpError;
using amqp::FieldValue;
using amqp::Properties;
using amqp::ReplyCode;

namespace {

AmqpError refused(Bytes text) {
    return {
        ReplyCode::precondition_failed,
        std::move(text),
        amqp::BasicPublish::kClassId,
        amqp::BasicPublish::kMethodId};
}

/// Nearly no message has such a header: one search over the bytes tells.
bool may_name_copies(ByteView headers) { return headers.find("CC") != ByteView::npos; }

void add_keys(const std::optional<FieldValue>& from, std::vector<Bytes>& keys) {
    if (!from || !from->array()) return;
    amqp::ArrayView(*from->array()).for_each([&](const FieldValue& key) {
        if (key.tag == 'S') keys.emplace_back(*key.string());
    });
}

}  // namespace

bool CoreState::rewrite(ChannelState& channel, Publish& command) {
    const Properties properties(command.message->properties());
    const amqp::TableView headers(properties.headers().value_or(ByteView()));
    std::optional<FieldValue> cc;
    std::optional<FieldValue> bcc;
    if (may_name_copies(properties.headers().value_or(ByteView()))) {
        cc = headers.find("CC");
        bcc = headers.find("BCC");
    }
    const bool asks = properties.reply_to() == kReplyTo;
    if (!cc && !bcc && !asks) return true;

    // Whether it may publish there at all comes first.
    if (!route(channel, *command.message)) return false;
    const auto refuse = [&](Bytes text) {
        fail(channel, refused(std::move(text)));
        return false;
    };
    if (asks && !channel.reply_slot) return refuse("fast reply consumer does not exist");
    for (const auto& [name, value] : {std::pair("CC", &cc), std::pair("BCC", &bcc)}) {
        if (!*value) continue;
        if (!(*value)->array()) {
            return refuse(fmt::format(
                "invalid message: {{unacceptable_type_in_header,\"{}\",{}}}",
                name,
                (*value)->type_name()));
        }
        if (!command.more_keys) command.more_keys = std::make_unique<std::vector<Bytes>>();
        add_keys(*value, *command.more_keys);
    }
    if (asks) {
        amqp::PropertiesBuilder changed(properties);
        changed.set_text(amqp::property::kReplyTo, channel.reply_name);
        command.message = with_properties(pool_, *command.message, changed.build());
    }
    if (bcc) command.message.mutable_get()->hide_bcc();
    return true;
}

std::vector<Bytes> CoreState::copy_keys(const Message& message) {
    std::vector<Bytes> keys;
    const ByteView headers = Properties(message.properties()).headers().value_or(ByteView());
    if (!may_name_copies(headers)) return keys;
    add_keys(amqp::TableView(headers).find("CC"), keys);
    if (message.hides_bcc()) add_keys(amqp::TableView(headers).find("BCC"), keys);
    return keys;
}

MessagePtr CoreState::as_seen(const MessagePtr& message) {
    if (!message->hides_bcc()) [[likely]]
        return message;
    const Properties properties(message->properties());
    amqp::PropertiesBuilder changed(properties);
    changed.set_headers(headers_as_seen(*message));
    return with_properties(pool_, *message, changed.build());
}

const Route* CoreState::route_copies(ChannelState& channel, const Publish& command) {
    const Message& message = *command.message;
    if (!route(channel, message)) return nullptr;
    VirtualHost& vhost = *channel.session->vhost;
    Exchange* const exchange =
        message.exchange().empty() ? nullptr : vhost.find_exchange(message.exchange());
    vhost.route(exchange, message, copies_route_, *command.more_keys);
    return &copies_route_;
}

}  // namespace lvt::broker
