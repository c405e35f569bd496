#include "tests/broker/core/sim_broker.h"

#include "protocol/amqp/method_frame.h"

#include <gtest/gtest.h>

#include <functional>

namespace lvt::broker {

namespace {

/// Flags for delivery mode alone, and its value.
Bytes properties_of(bool persistent) {
    Bytes out;
    ByteWriter writer(out);
    writer.u16(amqp::property::kDeliveryMode);
    writer.u8(persistent ? 2 : 1);
    return out;
}

}  // namespace

SimClient::SimClient(SimBroker& broker, std::size_t lane, std::uint32_t slot, std::uint32_t epoch)
    : broker_(broker), lane_(lane) {
    auto& home = *broker.lanes_[lane];
    connection_ = std::make_unique<Connection>(
        SessionId{slot, epoch},
        broker.session_options_,
        home.pool,
        broker.random_,
        broker.log_,
        home.commands,
        PeerInfo{"127.0.0.1:1", true},
        broker.clock_.now());
}

void SimClient::handshake(ByteView user, ByteView password, ByteView vhost) {
    to_broker_ += Bytes("AMQP\x00\x00\x09\x01", 8);
    expect<amqp::ConnectionStart>();
    amqp::ConnectionStartOk start_ok;
    amqp::Table capabilities;
    capabilities.add_bool("consumer_cancel_notify", true)
        .add_bool("connection.blocked", true)
        .add_bool("basic.nack", true)
        .add_bool("authentication_failure_close", true);
    start_ok.client_properties.add_table("capabilities", capabilities);
    start_ok.mechanism = "PLAIN";
    start_ok.response = Bytes(1, '\0') + Bytes(user) + Bytes(1, '\0') + Bytes(password);
    start_ok.locale = "en_US";
    send(0, start_ok);
    expect<amqp::ConnectionTune>();
    decoder_.set_frame_max(131'072);
    send(0, amqp::ConnectionTuneOk{2047, 131'072, 0});
    amqp::ConnectionOpen open;
    open.virtual_host = vhost;
    send(0, open);
    broker_.run();
    if (!inbox_.empty() && std::holds_alternative<amqp::ConnectionOpenOk>(inbox_.front().method))
        inbox_.pop_front();
}

void SimClient::send(std::uint16_t channel, const amqp::Method& method) {
    amqp::encode_method_frame(to_broker_, channel, method);
}

void SimClient::publish(
    std::uint16_t channel, ByteView exchange, ByteView key, ByteView body, bool persistent,
    bool mandatory) {
    amqp::BasicPublish publish;
    publish.exchange = exchange;
    publish.routing_key = key;
    publish.mandatory = mandatory;
    send(channel, publish);
    amqp::encode_header_frame(to_broker_, channel, body.size(), properties_of(persistent));
    amqp::encode_body_frames(to_broker_, channel, body, 131'072);
}

void SimClient::publish_with(
    std::uint16_t channel, ByteView exchange, ByteView key, ByteView properties, ByteView body) {
    amqp::BasicPublish publish;
    publish.exchange = exchange;
    publish.routing_key = key;
    send(channel, publish);
    amqp::encode_header_frame(to_broker_, channel, body.size(), properties);
    amqp::encode_body_frames(to_broker_, channel, body, 131'072);
}

void SimClient::ack(std::uint16_t channel, std::uint64_t tag, bool multiple) {
    send(channel, amqp::BasicAck{tag, multiple});
}

void SimClient::nack(std::uint16_t channel, std::uint64_t tag, bool multiple, bool requeue) {
    send(channel, amqp::BasicNack{tag, multiple, requeue});
}

void SimClient::open_channel(std::uint16_t channel) {
    call<amqp::ChannelOpenOk>(channel, amqp::ChannelOpen{});
}

void SimClient::declare_queue(std::uint16_t channel, ByteView name, bool durable) {
    amqp::QueueDeclare declare;
    declare.queue = name;
    declare.durable = durable;
    call<amqp::QueueDeclareOk>(channel, declare);
}

void SimClient::consume(std::uint16_t channel, ByteView queue, bool no_ack, ByteView tag) {
    amqp::BasicConsume consume;
    consume.queue = queue;
    consume.consumer_tag = tag;
    consume.no_ack = no_ack;
    call<amqp::BasicConsumeOk>(channel, consume);
}

std::optional<Received> SimClient::get(std::uint16_t channel, ByteView queue, bool no_ack) {
    amqp::BasicGet get;
    get.queue = queue;
    get.no_ack = no_ack;
    send(channel, get);
    Received received = next("basic.get-ok");
    if (std::holds_alternative<amqp::BasicGetEmpty>(received.method)) return std::nullopt;
    return received;
}

Received SimClient::next(const char* expected) {
    broker_.run();
    if (inbox_.empty()) {
        throw std::runtime_error(fmt::format("nothing came, {} was expected", expected));
    }
    Received received = std::move(inbox_.front());
    inbox_.pop_front();
    const ByteView name = amqp::method_name(received.method);
    if (name != expected && ByteView(expected).find('.') != ByteView::npos &&
        name != "basic.get-empty") {
        Bytes text(name);
        if (auto* close = std::get_if<amqp::ChannelClose>(&received.method))
            text += ": " + close->reply_text;
        if (auto* close = std::get_if<amqp::ConnectionClose>(&received.method))
            text += ": " + close->reply_text;
        throw std::runtime_error(fmt::format("{} came, {} was expected", text, expected));
    }
    return received;
}

std::vector<Received> SimClient::take_all() {
    broker_.run();
    return poll();
}

std::vector<Received> SimClient::poll() {
    std::vector<Received> out(
        std::make_move_iterator(inbox_.begin()), std::make_move_iterator(inbox_.end()));
    inbox_.clear();
    return out;
}

std::vector<Bytes> SimClient::take_bodies() {
    std::vector<Bytes> out;
    for (Received& received : take_all()) {
        if (std::holds_alternative<amqp::BasicDeliver>(received.method))
            out.push_back(received.body);
    }
    return out;
}

void SimClient::drop() { dropped_ = true; }

void SimClient::on_bytes(ByteView bytes) {
    for (;;) {
        auto frame = decoder_.next(bytes);
        ASSERT(frame.has_value());
        if (!*frame) return;
        if ((*frame)->type == amqp::FrameType::heartbeat) continue;
        const std::uint16_t channel = (*frame)->channel;
        auto step = assemblers_[channel].next(**frame);
        ASSERT(step.has_value());
        Received& partial = partial_[channel];
        if (step->kind == amqp::AssemblyStep::Kind::method) {
            partial = Received{channel, assemblers_[channel].method(), {}, {}};
        } else if (step->kind == amqp::AssemblyStep::Kind::content_header) {
            partial.properties = Bytes(step->properties.bytes());
        }
        partial.body += step->body;
        if (step->complete) inbox_.push_back(std::move(partial));
    }
}

SimBroker::SimBroker(SimOptions options)
    : checkpoint([] {
          cluster::LogRecordWriter record;
          record.reset();
          return GroupRecord{cluster::kMetadataGroup, 0, record.take(), true};
      }),
      options_(std::move(options)),
      random_(options_.seed),
      random_engine_(options_.seed),
      store_(options_.journal_bytes_max) {
    options_.core.durable = options_.durable;
    start();
}

SimBroker::~SimBroker() = default;

void SimBroker::start() {
    clients_.clear();
    dead_clients_.clear();
    lanes_.clear();
    const std::size_t lanes = options_.lanes ? options_.lanes : 1;
    for (std::size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>());
    core_ = std::make_unique<Core>(options_.core, lanes, random_, log_);
    proposals_.clear();
    checkpoint_wanted_ = false;
    if (options_.node.value() != 0) core_->set_node({options_.node, ++starts_});
    storage::Lsn last;
    if (options_.durable) {
        const auto recovered = store_.recover(core_->recovery());
        ASSERT(recovered.has_value());
        last = *recovered;
        storage::StoreEvents events;
        events.on_durable = [this](storage::Lsn lsn) { core_->on_durable(lsn, clock_.now()); };
        events.on_read = [this](storage::ColdBatch batch) {
            core_->on_read(std::move(batch), clock_.now());
        };
        events.on_page = [this](storage::Page page) {
            core_->on_page(std::move(page), clock_.now());
        };
        events.on_pages_settled = [this](std::uint64_t bytes) {
            core_->on_pages_settled(bytes, clock_.now());
        };
        events.on_want_snapshot = [this](storage::Lsn lsn) {
            core_->on_want_snapshot(lsn, clock_.now());
        };
        events.on_retired = [this](storage::Lsn lsn) { core_->on_retired(lsn, clock_.now()); };
        events.on_fatal = [](Error error) { throw std::runtime_error(error.message); };
        ASSERT(store_.start(std::move(events)).has_value());
    }
    ASSERT(core_->finish_recovery(last, clock_.now()).has_value());
    end_core_turn();
    run();
}

SimClient& SimBroker::connect(ByteView user, ByteView password, ByteView vhost) {
    const std::size_t lane = clients_.size() % lanes_.size();
    const auto slot = static_cast<std::uint32_t>(clients_.size());
    clients_.push_back(std::make_unique<SimClient>(*this, lane, slot, ++last_epoch_));
    clients_.back()->handshake(user, password, vhost);
    return *clients_.back();
}

AdminReply SimBroker::administer(AdminRequest request) {
    answers_.clear();
    core_->administer(AdminId(1), request, clock_.now());
    end_core_turn();
    run();
    ASSERT(answers_.size() == 1);
    return answers_.front().reply;
}

void SimBroker::run() {
    while (step() || (others_ && others_())) {
    }
}

void SimBroker::advance(Milliseconds by) {
    constexpr Milliseconds kTick{10};
    for (Milliseconds passed{0}; passed < by; passed += kTick) {
        clock_.advance(kTick);
        core_->on_timer(clock_.now());
        end_core_turn();
        for (auto& client : clients_) {
            client->connection_->on_timer(clock_.now());
            end_lane_turn(*lanes_[client->lane_], *client);
        }
        run();
    }
}

void SimBroker::crash(std::size_t kept) {
    store_.crash(kept);
    start();
}

void SimBroker::restart() {
    auto_sync_ = true;
    core_->begin_stop(clock_.now());
    end_core_turn();
    run();
    for (auto& client : clients_) client->drop();
    run();
    core_->on_timer(clock_.now());
    end_core_turn();
    run();
    ASSERT(core_->stopped());
    store_.crash();
    start();
}

QueueListing SimBroker::queue(ByteView name) {
    for (QueueListing& listing : core_->list_queues("/")) {
        if (listing.name == name) return listing;
    }
    throw std::runtime_error(fmt::format("no queue {}", name));
}

void SimBroker::feed(SimClient& client, std::size_t bytes) {
    const Bytes part = client.to_broker_.substr(0, bytes);
    client.to_broker_.erase(0, bytes);
    client.connection_->on_bytes(part, clock_.now());
}

void SimBroker::end_lane_turn(Lane& lane, SimClient& client) {
    Connection& connection = *client.connection_;
    do {
        connection.end_of_turn(clock_.now());
        const Bytes out(connection.output());
        if (!client.dropped_) client.on_bytes(out);
        connection.consume_output(out.size(), clock_.now());
        if (out.empty()) break;
    } while (true);
    if (connection.done()) client.closed_ = true;
    if (!lane.commands.empty()) {
        lane.to_core.push_back(std::move(lane.commands));
        lane.commands.clear();
    }
}

void SimBroker::deliver(std::size_t lane, EffectBatch& batch) {
    std::vector<SimClient*> touched;
    for (LaneEffect& effect : batch) {
        const SessionId id = session_of(effect);
        for (auto& client : clients_) {
            if (client->lane_ != lane || client->connection_->id() != id) continue;
            client->connection_->on_effect(std::move(effect), clock_.now());
            if (touched.empty() || touched.back() != client.get()) touched.push_back(client.get());
            break;
        }
    }
    for (SimClient* const client : touched) end_lane_turn(*lanes_[lane], *client);
}

void SimBroker::end_core_turn() {
    TurnOutput& output = core_->end_turn(clock_.now());
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
        if (output.effects[lane].empty()) continue;
        lanes_[lane]->to_lane.push_back(std::move(output.effects[lane]));
    }
    for (ProposalRequest& one : output.proposals) proposals_.push_back(std::move(one));
    for (AdminAnswer& answer : output.answers) answers_.push_back(std::move(answer));
    for (StoreRequest& request : output.store) {
        if (auto* append = std::get_if<AppendRequest>(&request)) {
            store_.append(append->lsn, std::move(append->record));
        } else if (auto* read = std::get_if<ReadRequest>(&request)) {
            store_.read(read->queue, read->from, read->to, read->bytes_max);
        } else if (auto* snapshot = std::get_if<SnapshotRequest>(&request)) {
            store_.provide_snapshot(std::move(snapshot->snapshot));
        } else if (std::holds_alternative<RetireEarlyRequest>(request)) {
            store_.retire_early();
        } else if (auto* reclaim = std::get_if<ReclaimRequest>(&request)) {
            store_.reclaim(reclaim->queue, reclaim->floor);
        } else if (auto* write = std::get_if<WritePageRequest>(&request)) {
            store_.write_page(write->id, std::move(write->bytes));
        } else if (auto* take = std::get_if<TakePageRequest>(&request)) {
            store_.take_page(take->id);
        } else if (auto* drop = std::get_if<DropPageRequest>(&request)) {
            store_.drop_page(drop->id);
        }
    }
    for (PeerBatch& batch : output.peers) peer_batches_.push_back(std::move(batch));
    if (output.group_stored) group_stored_ = *output.group_stored;
    checkpoint_wanted_ |= output.checkpoint_wanted;
    output.clear();
}

bool SimBroker::step() {
    std::vector<std::function<void()>> possible;
    if (checkpoint_wanted_) {
        possible.push_back([this] {
            checkpoint_wanted_ = false;
            core_->store_group(checkpoint(), clock_.now());
            end_core_turn();
        });
    }
    for (auto& pointer : clients_) {
        SimClient& client = *pointer;
        Lane& lane = *lanes_[client.lane_];
        if (!client.dropped_ && !client.to_broker_.empty() && client.connection_->wants_read()) {
            possible.push_back([this, &client, &lane] {
                const std::size_t size = client.to_broker_.size();
                feed(client, options_.lanes ? 1 + pick(size) : size);
                end_lane_turn(lane, client);
            });
        }
        if (client.dropped_ && !client.drop_seen_) {
            possible.push_back([this, &client, &lane] {
                client.drop_seen_ = true;
                client.connection_->on_socket_closed(clock_.now());
                end_lane_turn(lane, client);
            });
        }
    }
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        Lane& lane = *lanes_[i];
        if (!lane.to_core.empty()) {
            possible.push_back([this, &lane, i] {
                CommandBatch batch = std::move(lane.to_core.front());
                lane.to_core.pop_front();
                core_->apply(static_cast<LaneIndex>(i), batch, clock_.now());
                end_core_turn();
            });
        }
        if (!lane.to_lane.empty()) {
            possible.push_back([this, &lane, i] {
                EffectBatch batch = std::move(lane.to_lane.front());
                lane.to_lane.pop_front();
                deliver(i, batch);
            });
        }
    }
    if (options_.durable) {
        if (store_.events() > 0) {
            possible.push_back([this] {
                store_.step();
                end_core_turn();
            });
        }
        if (auto_sync_ && store_.unsynced() > 0) possible.push_back([this] { store_.sync(); });
    }
    if (possible.empty()) return false;
    // Inline: effects and commands go before new input, as in a lane that shares the core's thread.
    possible[options_.lanes ? pick(possible.size()) : possible.size() - 1]();
    return true;
}

}  // namespace lvt::broker
