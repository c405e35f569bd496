#include "broker/load/publish_frames.h"

#include "protocol/amqp/method_frame.h"
#include "protocol/base/random.h"

#include <algorithm>

namespace lvt::broker::load {
namespace {

/// Property flags, then the values: delivery-mode alone, or nothing.
constexpr ByteView kPersistent{"\x10\0\x02", 3};
constexpr ByteView kTransient{"\0\0", 2};

}  // namespace

PublishFrames::PublishFrames(
    const PublishFramesOptions& options, const std::vector<Destination>& destinations)
    : run_(options.run),
      stamped_(options.body_bytes >= kStampBytes),
      checked_(options.body_bytes >= kCheckedBytes) {
    SeededRandom random(options.body_bytes);
    const Bytes body = random.bytes(options.body_bytes);
    do {
        for (const Destination& destination : destinations) append(options, destination, body);
    } while (arena_.size() < kWriteBytes);
    std::size_t streams = 0;
    for (const Slot& slot : slots_) streams = std::max<std::size_t>(streams, slot.stream + 1);
    next_seq_.resize(streams);
}

void PublishFrames::append(
    const PublishFramesOptions& options, const Destination& destination, ByteView body) {
    Slot slot;
    slot.begin = arena_.size();
    slot.stream = destination.stream;
    amqp::BasicPublish publish;
    publish.exchange = options.exchange;
    publish.routing_key = destination.routing_key;
    amqp::encode_method_frame(arena_, options.channel, publish);
    const ByteView properties = options.persistent ? kPersistent : kTransient;
    amqp::encode_header_frame(arena_, options.channel, body.size(), properties);
    slot.body = arena_.size() + amqp::kFrameHeaderBytes;
    amqp::encode_body_frames(arena_, options.channel, body, options.frame_max);
    slot.end = arena_.size();
    slots_.push_back(slot);
}

}  // namespace lvt::broker::load
