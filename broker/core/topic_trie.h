// TopicTrie: topic patterns, found word by word ("*" = one word, "#" = any number of them), not by a scan of all.
//
// Words are what stands between dots; the empty key has no word at all, "a." has two, the second of them empty (as in RabbitMQ).
#pragma once

#include "broker/core/destination.h"
#include "protocol/base/bytes.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace lvt::broker {

class TopicTrie {
public:
    TopicTrie();
    ~TopicTrie();

    void insert(ByteView pattern, Destination destination);
    /// Requires that it was inserted; as often as it was.
    void erase(ByteView pattern, Destination destination);
    /// Appends the destinations of every pattern that matches. One may appear more than once.
    void match(ByteView routing_key, std::vector<Destination>& out) const;

private:
    struct Node;
    std::unique_ptr<Node> root_;
};

}  // namespace lvt::broker
