#include "broker/core/topic_trie.h"

#include "broker/core/string_hash.h"
#include "protocol/base/assert.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>

namespace lvt::broker {

void DestinationSet::insert(Destination destination) {
    for (Entry& entry : entries_) {
        if (entry.destination != destination) continue;
        ++entry.count;
        return;
    }
    entries_.push_back({destination, 1});
}

void DestinationSet::erase(Destination destination) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.destination == destination;
    });
    ASSERT(found != entries_.end());
    if (--found->count == 0) entries_.erase(found);
}

namespace {

/// Takes the next word off; nothing where `rest` is at its end.
std::optional<ByteView> next_word(std::optional<ByteView>& rest) {
    if (!rest) return std::nullopt;
    const std::size_t dot = rest->find('.');
    const ByteView word = rest->substr(0, dot);
    if (dot == ByteView::npos)
        rest.reset();
    else
        rest->remove_prefix(dot + 1);
    return word;
}

std::optional<ByteView> all_words(ByteView key) {
    if (key.empty()) return std::nullopt;
    return key;
}

/// What keys have led to lately: of a few hundred hot keys none is taken apart again. One place a key; who comes later takes it over.
class KnownKeys {
public:
    /// Null where the key is not known; then `remember` it.
    const std::vector<Destination>* find(ByteView key) {
        if (entries_.empty()) entries_.resize(kPlacesMin);
        Entry& entry = place_of(key);
        if (entry.known && entry.key == key) return &entry.found;
        if (++misses_ > 2 * entries_.size() && entries_.size() < kPlacesMax) {
            const std::size_t more = 4 * entries_.size();
            entries_.clear();
            entries_.resize(more);
            misses_ = 0;
        }
        return nullptr;
    }
    void remember(ByteView key, std::span<const Destination> found) {
        if (key.size() > kKeyBytesMax || found.size() > kFoundMax) return;
        Entry& entry = place_of(key);
        entry.known = true;
        entry.key = key;
        entry.found.assign(found.begin(), found.end());
    }

private:
    static constexpr std::size_t kPlacesMin = 16;
    static constexpr std::size_t kPlacesMax = 4096;
    static constexpr std::size_t kKeyBytesMax = 64;
    static constexpr std::size_t kFoundMax = 16;
    struct Entry {
        bool known = false;
        Bytes key;
        std::vector<Destination> found;
    };

    Entry& place_of(ByteView key) {
        return entries_[std::hash<ByteView>{}(key) & (entries_.size() - 1)];
    }

    std::vector<Entry> entries_;
    std::size_t misses_ = 0;
};

}  // namespace

struct TopicTrie::Node {
    std::unordered_map<Bytes, std::unique_ptr<Node>, StringHash, std::equal_to<>> words;
    std::unique_ptr<Node> star;
    std::unique_ptr<Node> hash;
    DestinationSet destinations;
    /// The root's: null where there is none, as after each change.
    std::unique_ptr<KnownKeys> known;

    bool empty() const { return words.empty() && !star && !hash && destinations.empty(); }

    std::unique_ptr<Node>& child(ByteView word) {
        if (word == "*") return star;
        if (word == "#") return hash;
        return words[Bytes(word)];
    }
    void insert(std::optional<ByteView> rest, Destination destination) {
        const auto word = next_word(rest);
        if (!word) return destinations.insert(destination);
        auto& next = child(*word);
        if (!next) next = std::make_unique<Node>();
        next->insert(rest, destination);
    }
    void erase(std::optional<ByteView> rest, Destination destination) {
        const auto word = next_word(rest);
        if (!word) return destinations.erase(destination);
        auto& next = child(*word);
        ASSERT(next);
        next->erase(rest, destination);
        if (!next->empty()) return;
        next.reset();
        if (*word != "*" && *word != "#") words.erase(words.find(*word));
    }
    void match(std::optional<ByteView> rest, std::vector<Destination>& out) const {
        if (hash) {
            // "#" takes no word, one, two, ... all of them.
            std::optional<ByteView> left = rest;
            hash->match(left, out);
            while (next_word(left)) hash->match(left, out);
        }
        const auto word = next_word(rest);
        if (!word) return destinations.append_to(out);
        if (star) star->match(rest, out);
        if (const auto found = words.find(*word); found != words.end()) {
            found->second->match(rest, out);
        }
    }
};

TopicTrie::TopicTrie() : root_(std::make_unique<Node>()) {}
TopicTrie::~TopicTrie() = default;

void TopicTrie::insert(ByteView pattern, Destination destination) {
    root_->known.reset();
    root_->insert(all_words(pattern), destination);
}

void TopicTrie::erase(ByteView pattern, Destination destination) {
    root_->known.reset();
    root_->erase(all_words(pattern), destination);
}

void TopicTrie::match(ByteView routing_key, std::vector<Destination>& out) const {
    if (!root_->known) root_->known = std::make_unique<KnownKeys>();
    if (const auto* const found = root_->known->find(routing_key)) {
        out.insert(out.end(), found->begin(), found->end());
        return;
    }
    const std::size_t before = out.size();
    root_->match(all_words(routing_key), out);
    root_->known->remember(routing_key, std::span(out).subspan(before));
}

}  // namespace lvt::broker
