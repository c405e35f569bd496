// Once a broker is warm, a message costs it no allocation: this program counts what the broker's threads ask operator new for.
#include "broker/load/client_connection.h"
#include "leveret/broker.h"
#include "protocol/amqp/frame.h"
#include "protocol/amqp/method_frame.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>

namespace {

/// The client's own thread is not measured.
thread_local bool measured = true;
std::atomic<std::uint64_t> allocations{0};

void* allocate(std::size_t size) {
    if (measured) allocations.fetch_add(1, std::memory_order_relaxed);
    void* const memory = std::malloc(size);
    if (!memory) throw std::bad_alloc();
    return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace lvt::broker {
namespace {

using load::ClientConnection;

struct Case {
    const char* name;
    bool durable;
    bool confirm;
    bool no_ack;
    std::size_t body_size;
};

class AllocationTest : public testing::TestWithParam<Case> {
protected:
    static constexpr std::uint64_t kRoundMessages = 500;
    static constexpr int kWarmRounds = 100;
    static constexpr int kRounds = 100;

    AllocationTest() {
        measured = false;
        leveret::BrokerOptions options;
        options.settings = {{"io_threads", "0"}};
        if (GetParam().durable) {
            Bytes pattern = (std::filesystem::temp_directory_path() / "leveret-alloc-XXXXXX");
            directory_ = ::mkdtemp(pattern.data());
            options.data_dir = directory_;
        }
        broker_.emplace(leveret::Broker::start(std::move(options)).value());
        client_.emplace(
            ClientConnection::open(*load::parse_amqp_url(broker_->amqp_uri()), "test").value());
        prepare();
    }
    ~AllocationTest() override {
        client_.reset();
        broker_.reset();
        if (!directory_.empty()) std::filesystem::remove_all(directory_);
        measured = true;
    }

    void prepare() {
        ASSERT_TRUE(client_->open_channel(1).has_value());
        amqp::QueueDeclare declare;
        declare.queue = "q";
        declare.durable = GetParam().durable;
        ASSERT_TRUE(client_->call(1, declare).has_value());
        amqp::BasicQos qos;
        qos.prefetch_count = 2 * kRoundMessages;
        ASSERT_TRUE(client_->call(1, qos).has_value());
        if (GetParam().confirm) {
            ASSERT_TRUE(client_->call(1, amqp::ConfirmSelect{}).has_value());
        }
        amqp::BasicConsume consume;
        consume.queue = "q";
        consume.no_ack = GetParam().no_ack;
        ASSERT_TRUE(client_->call(1, consume).has_value());
        const ByteView properties =
            GetParam().durable ? ByteView("\x10\0\2", 3) : ByteView("\0\0", 2);
        amqp::BasicPublish publish;
        publish.routing_key = "q";
        for (std::uint64_t i = 0; i < kRoundMessages; ++i) {
            amqp::encode_method_frame(round_, 1, publish);
            amqp::encode_header_frame(round_, 1, GetParam().body_size, properties);
            amqp::encode_body_frames(round_, 1, Bytes(GetParam().body_size, 'b'), 131'072);
        }
    }

    /// Publishes a round, and waits for its deliveries and confirms.
    void run_round() {
        ASSERT_TRUE(client_->send(round_).has_value());
        published_ += kRoundMessages;
        for (;;) {
            amqp::Frame frame;
            while (client_->input().next(frame)) note(frame);
            if (delivered_ == published_ && (!GetParam().confirm || confirmed_ == published_))
                break;
            ASSERT_TRUE(client_->receive(ClientConnection::Wait::briefly).has_value());
        }
        if (GetParam().no_ack) return;
        Bytes ack(amqp::kAckFrameBytes, '\0');
        amqp::put_ack_frame(ack.data(), 1, delivered_, true);
        ASSERT_TRUE(client_->send(ack).has_value());
    }

    void note(const amqp::Frame& frame) {
        if (frame.type != amqp::FrameType::method) return;
        const auto method = amqp::decode_method(frame.payload);
        ASSERT_TRUE(method.has_value());
        if (std::holds_alternative<amqp::BasicDeliver>(*method)) ++delivered_;
        const auto* const ack = std::get_if<amqp::BasicAck>(&*method);
        if (ack) confirmed_ = std::max(confirmed_, ack->delivery_tag);
    }

    std::filesystem::path directory_;
    std::optional<leveret::Broker> broker_;
    std::optional<ClientConnection> client_;
    Bytes round_;
    std::uint64_t published_ = 0;
    std::uint64_t delivered_ = 0;
    std::uint64_t confirmed_ = 0;
};

INSTANTIATE_TEST_SUITE_P(
    HotPath, AllocationTest,
    testing::Values(
        Case{"TransientNoAck", false, false, true, 24},
        Case{"TransientAcked", false, false, false, 24},
        Case{"TransientConfirmed", false, true, true, 1'024},
        Case{"DurableNoAck", true, false, true, 24},
        Case{"DurableConfirmedAcked", true, true, false, 1'024}),
    [](const auto& info) { return info.param.name; });

/// What is left are a turn's and a commit's own, and small turns have more of them; a message's would be one each.
TEST_P(AllocationTest, WarmBrokerAllocatesNothingForAMessage) {
    for (int i = 0; i < kWarmRounds; ++i) run_round();
    const std::uint64_t before = allocations;
    for (int i = 0; i < kRounds; ++i) run_round();
    const std::uint64_t counted = allocations - before;
    const auto messages = static_cast<double>(kRounds * kRoundMessages);
    EXPECT_LT(static_cast<double>(counted) / messages, 0.2) << counted;
    RecordProperty("allocations", std::to_string(counted));
}

}  // namespace
}  // namespace lvt::broker
