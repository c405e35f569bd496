// A message of formation from arbitrary bytes: what is accepted encodes to the same octets. The same bytes as a node's state.
#include "cluster/node/formation_message.h"
#include "protocol/base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace lvt::cluster;
    const lvt::ByteView bytes(reinterpret_cast<const char*>(data), size);
    const auto message = decode_formation(bytes);
    if (message.has_value()) ASSERT(encode_formation(*message) == bytes);
    const auto state = NodeState::decode(bytes);
    if (state.has_value()) ASSERT(state->encode() == bytes);
    return 0;
}
