#include "broker/core/route_cache.h"

#include "broker/core/string_hash.h"

namespace lvt::broker {

const Route* RouteCache::find_other(const Message& message, std::uint64_t epoch) {
    asked_hash_ = StringHash{}(message.route());
    if (epoch != epoch_) {
        for (Entry& entry : entries_) entry.exchange_size = Entry::kNone;
        epoch_ = epoch;
        next_ = 0;
        return nullptr;
    }
    for (std::size_t i = 0; i < hashes_.size(); ++i) {
        if (hashes_[i] != asked_hash_ || !entries_[i].is_of(message)) continue;
        last_ = &entries_[i];
        return &last_->result;
    }
    return nullptr;
}

Route& RouteCache::room() {
    if (next_ == entries_.size()) {
        entries_.emplace_back();
        hashes_.emplace_back();
        last_ = nullptr;  // it may have moved
    }
    entries_[next_].exchange_size = Entry::kNone;
    return entries_[next_].result;
}

void RouteCache::keep(const Message& message) {
    last_ = &entries_[next_];
    last_->route = message.route();
    last_->exchange_size = message.exchange().size();
    hashes_[next_] = asked_hash_;
    next_ = (next_ + 1) % kRoutesMax;
}

}  // namespace lvt::broker
