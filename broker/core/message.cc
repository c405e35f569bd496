#include "broker/core/message.h"

#include "protocol/base/assert.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

namespace lvt::broker {

/// 64 KB; this header, then messages one behind the other.
class MessageChunk {
public:
    static MessageChunk* make();
    /// Null where it is full. Only by the thread that made it.
    void* cut(std::size_t bytes) {
        constexpr std::size_t kAlignment = 16;
        bytes = (bytes + kAlignment - 1) & ~(kAlignment - 1);
        if (used_ + bytes > MessagePool::kChunkBytes) return nullptr;
        char* const at = reinterpret_cast<char*>(this) + used_;
        used_ += bytes;
        ++cut_;
        return at;
    }
    /// One message has gone.
    void release() noexcept { subtract(1); }
    /// Nothing is cut from it any more.
    void finish() noexcept { subtract(kUncounted - cut_); }

private:
    MessageChunk() = default;
    static void destroy(MessageChunk* chunk) noexcept;
    void subtract(std::uint32_t count) noexcept {
        if (live_.fetch_sub(count, std::memory_order_acq_rel) == count) destroy(this);
    }

    /// More than a chunk can hold: what `live_` begins with, so that a message is counted by a plain addition to `cut_` when it comes, and
    /// atomically only when it goes.
    static constexpr std::uint32_t kUncounted = 1u << 31;
    std::atomic<std::uint32_t> live_{kUncounted};
    std::uint32_t cut_ = 0;
    std::size_t used_ = 64;
};

namespace {

/// A chunk's worth of pages from the system, and back.
void* map_chunk() {
    void* const memory = ::mmap(
        nullptr,
        MessagePool::kChunkBytes,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS,
        -1,
        0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return memory;
}

void unmap_chunk(void* memory) noexcept { ::munmap(memory, MessagePool::kChunkBytes); }

/// Where threads that free more chunks than they make leave some for those that make more than they free: a publisher's lane and its
/// consumer's. Handed over by the dozen, so that its mutex is not felt. It is never destroyed: there is nothing to do.
class ChunkDepot {
public:
    static constexpr std::size_t kHandfuls = 4;
    static constexpr std::size_t kHandful = 16;

    /// Takes a handful from the back of `spare`; false where it is full.
    bool leave(std::vector<void*>& spare) noexcept {
        const std::lock_guard lock(mutex_);
        if (count_ == chunks_.size()) return false;
        std::copy(spare.end() - kHandful, spare.end(), chunks_.begin() + count_);
        count_ += kHandful;
        spare.resize(spare.size() - kHandful);
        return true;
    }
    /// Appends a handful, if there is one.
    void fetch(std::vector<void*>& spare) {
        const std::lock_guard lock(mutex_);
        if (count_ == 0) return;
        count_ -= kHandful;
        const auto first = chunks_.begin() + count_;
        spare.insert(spare.end(), first, first + kHandful);
    }

private:
    std::mutex mutex_;
    std::array<void*, kHandfuls * kHandful> chunks_{};
    std::size_t count_ = 0;  // whole handfuls
};

constinit ChunkDepot depot;

/// The thread is ending and its spare chunks are given back: what is freed later, by statics, finds none.
thread_local bool gone = false;

/// A few chunks of memory that this thread has just freed, still warm in its caches. What is beyond them goes to other threads or back
/// to the system at once, so a backlog's memory does not outlive it.
class SpareChunks {
public:
    SpareChunks() { spare_.reserve(kSpareMax); }
    ~SpareChunks() {
        for (void* const memory : spare_) unmap_chunk(memory);
        gone = true;
    }
    void* take() {
        if (gone) return map_chunk();
        if (spare_.empty()) depot.fetch(spare_);
        if (spare_.empty()) return map_chunk();
        void* const memory = spare_.back();
        spare_.pop_back();
        return memory;
    }
    void give(void* memory) noexcept {
        if (gone) return unmap_chunk(memory);
        if (spare_.size() == kSpareMax && !depot.leave(spare_)) return unmap_chunk(memory);
        spare_.push_back(memory);
    }

private:
    static constexpr std::size_t kSpareMax = 128;
    std::vector<void*> spare_;
};

thread_local SpareChunks spare_chunks;

}  // namespace

MessageChunk* MessageChunk::make() { return new (spare_chunks.take()) MessageChunk; }

void MessageChunk::destroy(MessageChunk* chunk) noexcept {
    chunk->~MessageChunk();
    spare_chunks.give(chunk);
}

MessagePool::~MessagePool() {
    if (current_) current_->finish();
}

void* MessagePool::allocate(std::size_t bytes, MessageChunk*& chunk) {
    void* memory = current_ ? current_->cut(bytes) : nullptr;
    if (!memory) {
        if (current_) current_->finish();
        current_ = MessageChunk::make();
        memory = current_->cut(bytes);
    }
    chunk = current_;
    return memory;
}

void Message::destroy(Message* message) noexcept {
    MessageChunk* const chunk = message->chunk_;
    message->~Message();
    if (chunk)
        chunk->release();
    else
        std::free(message);
}

MessageBuilder::MessageBuilder(MessagePool& pool, const MessageParts& parts)
    : body_size_(parts.body_size) {
    constexpr std::uint64_t kFirstBodyMax = 1024 * 1024;
    const std::size_t head =
        parts.exchange.size() + parts.routing_key.size() + parts.properties.size();
    capacity_ = std::min(body_size_, kFirstBodyMax);
    const std::size_t bytes = sizeof(Message) + head + capacity_;
    MessageChunk* chunk = nullptr;
    void* memory = nullptr;
    if (bytes <= MessagePool::kInlineMax) {
        memory = pool.allocate(bytes, chunk);
    } else {
        memory = std::malloc(bytes);
        if (!memory) throw std::bad_alloc();
    }
    auto* const message = new (memory) Message;
    message->chunk_ = chunk;
    message->exchange_size_ = static_cast<std::uint8_t>(parts.exchange.size());
    message->routing_key_size_ = static_cast<std::uint8_t>(parts.routing_key.size());
    message->properties_size_ = static_cast<std::uint32_t>(parts.properties.size());
    message->priority_ = parts.priority;
    message->persistent_ = parts.persistent;
    if (parts.expiration_ms) message->set_expiration(*parts.expiration_ms);
    char* to = message->data();
    to = put_bytes(to, parts.exchange);
    to = put_bytes(to, parts.routing_key);
    put_bytes(to, parts.properties);
    message_ = MessagePtr(message);
}

void MessageBuilder::append(ByteView part) {
    ASSERT(message_ && part.size() <= missing());
    if (received_ + part.size() > capacity_) {
        grow(std::min(body_size_, std::max(capacity_ * 2, received_ + part.size())));
    }
    Message* const message = message_.mutable_get();
    put_bytes(message->data() + message->head_size() + received_, part);
    received_ += part.size();
}

/// A message in the making has one owner and no chunk here, so realloc may move it: its atomic counter is plain memory.
void MessageBuilder::grow(std::uint64_t body_capacity) {
    Message* const message = message_.message_;
    ASSERT(!message->chunk_);
    void* const memory = std::realloc(
        static_cast<void*>(message), sizeof(Message) + message->head_size() + body_capacity);
    if (!memory) throw std::bad_alloc();
    message_.message_ = static_cast<Message*>(memory);
    capacity_ = body_capacity;
}

MessagePtr MessageBuilder::finish() {
    ASSERT(message_ && missing() == 0);
    message_.mutable_get()->body_size_ = body_size_;
    return std::move(message_);
}

MessagePtr MessageBuilder::build(MessagePool& pool, const MessageParts& parts, ByteView body) {
    MessageBuilder builder(pool, parts);
    builder.append(body);
    return builder.finish();
}

}  // namespace lvt::broker
