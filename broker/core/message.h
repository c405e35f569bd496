// Message: one published message, immutable, shared by every queue and delivery that holds it.
//
// One block of memory each: the header below, then exchange, routing key, properties (wire form, from the property flags on) and
// body. Blocks of up to kInlineMax octets are cut from chunks (MessagePool); larger ones are allocated alone.
#pragma once

#include "protocol/base/bytes.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

namespace lvt::broker {

class MessageChunk;

class Message {
public:
    ByteView exchange() const { return {data(), exchange_size_}; }
    ByteView routing_key() const { return {data() + exchange_size_, routing_key_size_}; }
    /// Exchange and routing key in one piece: the key of a route cache.
    ByteView route() const { return {data(), std::size_t{exchange_size_} + routing_key_size_}; }
    /// Property flags and values, as in a content header frame after the body size.
    ByteView properties() const {
        return {data() + exchange_size_ + routing_key_size_, properties_size_};
    }
    ByteView body() const { return {data() + head_size(), body_size_}; }
    /// All of its octets in one piece.
    ByteView head_and_body() const { return {data(), head_size() + body_size_}; }
    /// Exchange, routing key and properties in one piece.
    ByteView head() const { return {data(), head_size()}; }

    /// Octets of memory that it pins, its own header included.
    std::size_t charge() const { return sizeof(Message) + head_size() + body_size_; }

    /// Durable queues write it.
    bool persistent() const { return persistent_; }
    /// Makes it persistent, whatever its properties say. Before it is shared.
    void keep() { persistent_ = true; }
    /// Its headers name blind copies (BCC): routing needs them again where it is dead-lettered, clients never see them.
    bool hides_bcc() const { return hides_bcc_; }
    /// Before it is shared.
    void hide_bcc() { hides_bcc_ = true; }
    std::uint8_t priority() const { return priority_; }
    /// The expiration property: so many milliseconds after it was published it may be dropped.
    std::optional<std::uint64_t> expiration_ms() const {
        if (expiration_ == 0) return std::nullopt;
        if (expiration_ & kInSeconds) return std::uint64_t{expiration_ ^ kInSeconds} * 1000;
        return expiration_ - 1;
    }
    bool expires() const { return expiration_ != 0; }
    /// Wall clock, milliseconds; set by the core when it takes the message in.
    std::uint64_t published_at_ms() const { return published_at_ms_; }
    void set_published_at_ms(std::uint64_t value) { published_at_ms_ = value; }

private:
    friend class MessageBuilder;
    friend class MessagePtr;
    static constexpr std::uint32_t kInSeconds = 1u << 31;

    Message() = default;
    void set_expiration(std::uint64_t ms) {
        expiration_ = ms < kInSeconds - 1
                          ? static_cast<std::uint32_t>(ms) + 1
                          : kInSeconds | static_cast<std::uint32_t>((ms + 999) / 1000);
    }
    const char* data() const { return reinterpret_cast<const char*>(this + 1); }
    char* data() { return reinterpret_cast<char*>(this + 1); }
    std::size_t head_size() const {
        return std::size_t{exchange_size_} + routing_key_size_ + properties_size_;
    }
    static void destroy(Message* message) noexcept;

    std::atomic<std::uint32_t> references_{1};
    std::uint32_t properties_size_ = 0;
    std::uint64_t body_size_ = 0;
    std::uint64_t published_at_ms_ = 0;
    MessageChunk* chunk_ = nullptr;  // null: allocated alone
    std::uint32_t expiration_ = 0;   // 0: none; milliseconds + 1; kInSeconds | seconds
    std::uint8_t exchange_size_ = 0;
    std::uint8_t routing_key_size_ = 0;
    std::uint8_t priority_ = 0;
    bool persistent_ : 1 = false;
    bool hides_bcc_ : 1 = false;
};

/// A counted reference. Any thread may hold, copy and drop one.
class MessagePtr {
public:
    MessagePtr() = default;
    MessagePtr(const MessagePtr& other) noexcept : message_(other.message_) {
        if (message_) message_->references_.fetch_add(1, std::memory_order_relaxed);
    }
    MessagePtr(MessagePtr&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
    MessagePtr& operator=(MessagePtr other) noexcept {
        std::swap(message_, other.message_);
        return *this;
    }
    ~MessagePtr() { reset(); }

    void reset() noexcept {
        Message* const message = std::exchange(message_, nullptr);
        if (!message) return;
        // A sole owner needs no atomic subtraction.
        if (message->references_.load(std::memory_order_acquire) == 1 ||
            message->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            Message::destroy(message);
    }

    explicit operator bool() const { return message_ != nullptr; }
    const Message& operator*() const { return *message_; }
    const Message* operator->() const { return message_; }
    const Message* get() const { return message_; }
    /// The core stamps a message before it shares it.
    Message* mutable_get() { return message_; }

private:
    friend class MessageBuilder;
    explicit MessagePtr(Message* adopted) : message_(adopted) {}

    Message* message_ = nullptr;
};

/// Where one thread cuts its messages from: chunks of 64 KB, freed when their last message goes. One thread allocates,
/// any thread may free. Messages may outlive their pool.
class MessagePool {
public:
    static constexpr std::size_t kChunkBytes = 64 * 1024;
    static constexpr std::size_t kInlineMax = 4 * 1024;

    MessagePool() = default;
    MessagePool(const MessagePool&) = delete;
    MessagePool& operator=(const MessagePool&) = delete;
    ~MessagePool();

private:
    friend class MessageBuilder;
    /// Memory for one message of `bytes` octets in the current chunk (a new one if it is full).
    void* allocate(std::size_t bytes, MessageChunk*& chunk);

    MessageChunk* current_ = nullptr;
};

struct MessageParts {
    ByteView exchange;     // at most 255 octets
    ByteView routing_key;  // at most 255 octets
    ByteView properties;   // from the property flags on
    std::uint64_t body_size = 0;
    std::uint8_t priority = 0;
    bool persistent = false;
    /// At most ten years (parse_expiration).
    std::optional<std::uint64_t> expiration_ms = {};
};

/// Builds one message whose body arrives in pieces. Memory for a large body grows as it arrives, so that a lying
/// content header costs nothing.
class MessageBuilder {
public:
    MessageBuilder() = default;
    /// Copies everything but the body.
    MessageBuilder(MessagePool& pool, const MessageParts& parts);
    MessageBuilder(MessageBuilder&&) noexcept = default;
    MessageBuilder& operator=(MessageBuilder&&) noexcept = default;

    /// At most missing() octets.
    void append(ByteView body_part);
    std::uint64_t missing() const { return body_size_ - received_; }
    bool active() const { return static_cast<bool>(message_); }
    /// Requires missing() == 0. The builder is empty afterwards.
    MessagePtr finish();

    /// The whole message in one step.
    static MessagePtr build(MessagePool& pool, const MessageParts& parts, ByteView body);

private:
    void grow(std::uint64_t body_capacity);

    MessagePtr message_;
    std::uint64_t body_size_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t capacity_ = 0;
};

}  // namespace lvt::broker
