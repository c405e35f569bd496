// A whole broker - connections, core, store - whose clients are logged in and then speak nonsense: methods with any arguments,
// publishes, broken frames, plain garbage, silence, crashes. What it sends is well-formed, and afterwards it serves others.
//
// The input is a list of deeds; every choice takes the next octets of it.
#include "protocol/base/assert.h"
#include "tests/broker/core/sim_broker.h"
#include "tests/fuzz/pieces.h"

#include <algorithm>
#include <utility>

namespace lvt::broker {
namespace {

/// Where choices come from; zeros once it is used up.
class Choices {
public:
    explicit Choices(ByteView input) : input_(input) {}

    bool empty() const { return input_.empty(); }
    std::uint8_t octet() {
        if (input_.empty()) return 0;
        const auto out = static_cast<std::uint8_t>(input_.front());
        input_.remove_prefix(1);
        return out;
    }
    std::uint8_t below(std::uint8_t end) { return octet() % end; }
    bool coin() { return octet() & 1; }
    Bytes octets(std::size_t size) {
        const ByteView out = input_.substr(0, size);
        input_.remove_prefix(out.size());
        return Bytes(out);
    }
    Bytes of(std::initializer_list<ByteView> words) {
        return Bytes(*(words.begin() + below(static_cast<std::uint8_t>(words.size()))));
    }

private:
    ByteView input_;
};

class Nonsense {
public:
    Nonsense(SimOptions options, ByteView input) : choices_(input), broker_(std::move(options)) {}

    void run() {
        // Deeds are few by what the input holds; each costs a bounded time.
        while (!choices_.empty()) act();
        check_service();
    }

private:
    static constexpr std::size_t kClientsMax = 3;
    static constexpr std::uint8_t kChannels = 4;

    Bytes queue() {
        return choices_.of({"a", "b", "c", "amq.x", "", "amq.rabbitmq.reply-to", "a\r\n"});
    }
    Bytes exchange() {
        return choices_.of(
            {"", "d", "f", "t", "h", "amq.topic", "amq.headers", "amq.direct", "nope"});
    }
    Bytes key() { return choices_.of({"a", "b", "", "a.b", "#", "*.b", "\xff", "10"}); }
    std::uint64_t number() {
        switch (choices_.below(6)) {
            case 0:
                return 0;
            case 1:
                return 0xffff'ffff'ffff'ffff;
            case 2:
                return std::uint64_t{choices_.octet()} << 31;
            default:
                return choices_.below(12);
        }
    }

    void add_value(amqp::Table& table, ByteView name, int depth) {
        switch (choices_.below(8)) {
            case 0:
                table.add_string(
                    name,
                    choices_.of(
                        {"d",
                         "a",
                         "",
                         "all",
                         "any",
                         "-1",
                         "drop-head",
                         "reject-publish",
                         "quorum",
                         "classic"}));
                return;
            case 1:
                table.add_bool(name, choices_.coin());
                return;
            case 2: {
                amqp::Table inside;
                if (depth < 3) add_value(inside, "x", depth + 1);
                table.add_table(name, inside);
                return;
            }
            default:
                table.add_long(name, static_cast<std::int64_t>(number()));
        }
    }
    amqp::Table table() {
        amqp::Table out;
        for (int count = choices_.below(4); count > 0; --count) {
            add_value(
                out,
                choices_.of(
                    {"x-message-ttl",
                     "x-expires",
                     "x-max-length",
                     "x-max-length-bytes",
                     "x-overflow",
                     "x-dead-letter-exchange",
                     "x-dead-letter-routing-key",
                     "x-max-priority",
                     "x-queue-type",
                     "x-single-active-consumer",
                     "x-delivery-limit",
                     "x-priority",
                     "x-match",
                     "alternate-exchange",
                     "CC",
                     "BCC",
                     "x-delay",
                     "x-delayed-type",
                     "x-consumer-timeout",
                     "k"}),
                0);
        }
        return out;
    }

    void fill(ByteView, bool& field) { field = choices_.coin(); }
    void fill(ByteView, amqp::Table& field) { field = table(); }
    template <class Integer>
    void fill(ByteView, Integer& field) {
        field = static_cast<Integer>(number());
    }
    void fill(ByteView name, Bytes& field) {
        if (name == "queue")
            field = queue();
        else if (name == "exchange" || name == "source" || name == "destination")
            field = exchange();
        else if (name == "routing_key")
            field = key();
        else if (name == "type")
            field = choices_.of(
                {"direct",
                 "fanout",
                 "topic",
                 "headers",
                 "",
                 "z",
                 "x-consistent-hash",
                 "x-delayed-message"});
        else if (name == "consumer_tag")
            field = choices_.of({"", "x", "y"});
        else
            field = choices_.octets(choices_.below(8));
    }

    /// Any of the variant's methods with any arguments, the server's own too.
    template <std::size_t... kIndex>
    amqp::Method method(std::size_t wanted, std::index_sequence<kIndex...>) {
        amqp::Method out;
        (void)((kIndex == wanted ? (out.emplace<kIndex>(), true) : false) || ...);
        std::visit(
            [&](auto& method) {
                method.for_each_field([&](const char* name, auto& field) { fill(name, field); });
            },
            out);
        return out;
    }
    amqp::Method any_method() {
        constexpr std::size_t kMethods = std::variant_size_v<amqp::Method>;
        return method(choices_.octet() % kMethods, std::make_index_sequence<kMethods>());
    }
    template <class M>
    amqp::Method filled() {
        M out;
        out.for_each_field([&](const char* name, auto& field) { fill(name, field); });
        return out;
    }
    /// What clients say most, so that something goes on.
    amqp::Method likely_method() {
        switch (choices_.below(17)) {
            case 0:
                return filled<amqp::ExchangeDeclare>();
            case 1:
                return filled<amqp::QueueBind>();
            case 2:
                return filled<amqp::ExchangeBind>();
            case 3:
                return filled<amqp::BasicQos>();
            case 4:
                return filled<amqp::BasicConsume>();
            case 5:
                return filled<amqp::BasicCancel>();
            case 6:
                return filled<amqp::BasicGet>();
            case 7:
                return filled<amqp::BasicAck>();
            case 8:
                return filled<amqp::BasicNack>();
            case 9:
                return amqp::BasicRecover{true};
            case 10:
                return amqp::TxSelect{};
            case 11:
                return choices_.coin() ? amqp::Method(amqp::TxCommit{}) : amqp::TxRollback{};
            case 12:
                return filled<amqp::ConfirmSelect>();
            case 13:
                return filled<amqp::QueueDelete>();
            case 14:
                return filled<amqp::QueuePurge>();
            case 15:
                return amqp::QueueDeclare{0, queue(), false, true, false, false, false, {}};
            default:
                return filled<amqp::QueueDeclare>();
        }
    }

    Bytes properties() {
        switch (choices_.below(4)) {
            case 0:
                return choices_.octets(choices_.below(20));
            case 1: {
                amqp::PropertiesBuilder out;
                out.set_headers(table()).set_priority(choices_.octet());
                if (choices_.coin())
                    out.set_text(amqp::property::kExpiration, choices_.of({"0", "20", "x"}));
                if (choices_.coin()) out.set_text(amqp::property::kReplyTo, queue());
                return out.build();
            }
            default:
                return Bytes("\x10\0", 2) + (choices_.coin() ? '\2' : '\1');
        }
    }
    Bytes body() {
        const std::uint8_t size = choices_.octet();
        return Bytes(size > 250 ? 5'000 : size % 16, 'b');
    }

    Bytes frames() {
        Bytes out;
        const std::uint16_t channel = choices_.below(kChannels);
        const std::uint8_t kind = choices_.below(12);
        if (kind < 5) {
            amqp::encode_method_frame(out, channel, likely_method());
        } else if (kind < 6) {
            amqp::encode_method_frame(out, channel, any_method());
        } else if (kind < 10) {
            const Bytes content = body();
            amqp::encode_method_frame(out, channel, filled<amqp::BasicPublish>());
            amqp::encode_header_frame(out, channel, content.size(), properties());
            amqp::encode_body_frames(out, channel, content, 4'096);
        } else if (kind < 11) {
            amqp::encode_header_frame(out, channel, number(), properties());
        } else {
            const auto type = static_cast<amqp::FrameType>(choices_.below(10));
            amqp::encode_frame(out, type, channel, choices_.octets(choices_.below(16)));
        }
        return out;
    }

    void act() {
        if (clients_.empty() || (clients_.size() < kClientsMax && choices_.below(16) == 0))
            return open_client();
        const std::size_t index = choices_.below(static_cast<std::uint8_t>(clients_.size()));
        SimClient& client = *clients_[index];
        if (client.closed_by_broker()) {
            clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(index));
            return;
        }
        switch (choices_.below(24)) {
            case 0:
                client.drop();
                clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(index));
                break;
            case 1:
                broker_.advance(Milliseconds{10 * (1 + choices_.below(8))});
                break;
            case 2:
                broker_.set_auto_sync(choices_.coin());
                break;
            case 3:
                broker_.run(choices_.octet());
                break;
            case 4: {
                Bytes broken = frames();
                broken[choices_.octet() % broken.size()] = static_cast<char>(choices_.octet());
                client.send_bytes(broken);
                break;
            }
            case 5:
                client.send_bytes(choices_.octets(choices_.below(32)));
                break;
            case 6:
                if (choices_.below(8) == 0) crash();
                return;
            default:
                client.send_bytes(frames());
        }
        broker_.run(8);
        for (SimClient* const each : clients_) answer_closes(*each);
    }

    /// Keeps connections usable.
    void answer_closes(SimClient& client) {
        for (const Received& received : client.poll()) {
            if (std::holds_alternative<amqp::ChannelClose>(received.method)) {
                client.send(received.channel, amqp::ChannelCloseOk{});
                client.send(received.channel, amqp::ChannelOpen{});
            } else if (std::holds_alternative<amqp::ChannelCloseOk>(received.method)) {
                client.send(received.channel, amqp::ChannelOpen{});
            } else if (std::holds_alternative<amqp::ConnectionClose>(received.method)) {
                client.send(0, amqp::ConnectionCloseOk{});
            }
        }
    }

    void open_client() {
        SimClient& client = broker_.connect();
        for (std::uint16_t channel = 1; channel < kChannels; ++channel)
            client.open_channel(channel);
        clients_.push_back(&client);
    }

    void crash() {
        if (choices_.coin())
            broker_.restart();
        else
            broker_.crash(choices_.below(3));
        clients_.clear();
    }

    void check_service() {
        for (SimClient* const client : clients_) client->drop();
        clients_.clear();
        broker_.set_auto_sync(true);
        broker_.run();
        ASSERT(broker_.core().status().connections == 0);
        SimClient& client = broker_.connect();
        client.open_channel(1);
        client.declare_queue(1, "still-works");
        client.publish(1, "", "still-works", "x");
        const auto got = client.get(1, "still-works");
        ASSERT(got && got->body == "x");
    }

    Choices choices_;
    SimBroker broker_;
    std::vector<SimClient*> clients_;
};

SimOptions options_of(std::uint8_t choice) {
    SimOptions options;
    options.seed = choice;
    options.lanes = choice & 1 ? 2 : 0;
    options.durable = (choice & 6) != 0;
    options.core.resident_bytes_max = choice & 8 ? 1'000 : 1'000'000;
    return options;
}

}  // namespace
}  // namespace lvt::broker

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvt;
    const auto input = pieced_input(as_view(data, size));
    broker::Nonsense(broker::options_of(input.cut), input.stream).run();
    return 0;
}
