#include "broker/core/paged_ring.h"

#include <iterator>

namespace lvt::broker {

using storage::PageId;

namespace {

bool by_seq(const QueuedMessage& a, const QueuedMessage& b) { return a.seq < b.seq; }

bool may_go(const QueuedMessage& entry, bool any) {
    return any || (!entry.delivered && entry.return_count == 0);
}

QueuePage describe(PageId id, const std::vector<QueuedMessage>& entries) {
    QueuePage page{id, entries.front().seq, entries.size(), {}, 0};
    for (const QueuedMessage& entry : entries) {
        if (!entry.message->persistent()) continue;
        page.persistent_bytes += entry.message->charge();
        if (!page.persistent.empty() && page.persistent.back().end() == entry.seq)
            ++page.persistent.back().count;
        else
            page.persistent.push_back({entry.seq, 1});
    }
    return page;
}

}  // namespace

/// From the front: returned messages are nearly always in front of all that is there.
void PagedRing::merge_into(Ring<QueuedMessage>& ring, std::vector<QueuedMessage> entries) {
    if (entries.empty()) return;
    std::vector<QueuedMessage> in_front;
    while (!ring.empty() && ring.front().seq < entries.back().seq) {
        in_front.push_back(ring.pop_front());
    }
    auto a = in_front.rbegin();
    auto b = entries.rbegin();
    while (a != in_front.rend() || b != entries.rend()) {
        const bool from_front = b == entries.rend() || (a != in_front.rend() && a->seq > b->seq);
        ring.push_front(std::move(from_front ? *a++ : *b++));
    }
}

void PagedRing::merge(std::vector<QueuedMessage> entries) {
    if (entries.empty()) return;
    if (!std::is_sorted(entries.begin(), entries.end(), by_seq))
        std::sort(entries.begin(), entries.end(), by_seq);
    if (paged_ && entries.back().seq > paged_->pages.front().from) {
        const auto behind = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
            return entry.seq > paged_->pages.front().from;
        });
        const auto middle = static_cast<std::ptrdiff_t>(paged_->held.size());
        std::move(behind, entries.end(), std::back_inserter(paged_->held));
        entries.erase(behind, entries.end());
        std::inplace_merge(
            paged_->held.begin(), paged_->held.begin() + middle, paged_->held.end(), by_seq);
    }
    merge_into(front_, std::move(entries));
}

void PagedRing::clear() {
    front_.clear();
    paged_.reset();
}

std::vector<QueuedMessage> PagedRing::page_out(
    PageId id, std::uint64_t keep_bytes, std::uint64_t page_bytes, bool any) {
    ASSERT(page_bytes > 0);
    Ring<QueuedMessage>& from = paged_ ? paged_->back : front_;
    std::size_t begin = 0;
    if (!paged_) {
        for (std::uint64_t kept = 0; begin < from.size() && kept < keep_bytes; ++begin)
            kept += from[begin].message->charge();
        for (std::size_t i = from.size(); i > begin; --i) {
            if (!may_go(from[i - 1], any)) begin = i;
        }
    }
    std::size_t end = begin;
    for (std::uint64_t bytes = 0; bytes < page_bytes; ++end) {
        if (end == from.size() || !may_go(from[end], any)) return {};
        bytes += from[end].message->charge();
    }
    if (!paged_) {
        paged_ = std::make_unique<Paged>();
        while (front_.size() > begin) paged_->back.push_front(front_.pop_back());
        front_.fit();
        end -= begin;
    }
    std::vector<QueuedMessage> out;
    out.reserve(end);
    for (std::size_t left = end; left > 0; --left) out.push_back(paged_->back.pop_front());
    paged_->pages.push_back(describe(id, out));
    paged_->count += out.size();
    paged_->back.fit();
    return out;
}

void PagedRing::page_in(std::vector<QueuedMessage> entries) {
    Paged& paged = *paged_;
    paged.count -= paged.pages.pop_front().count;
    for (QueuedMessage& entry : entries) front_.push_back(std::move(entry));
    auto behind = paged.held.end();
    if (!paged.pages.empty()) {
        behind = std::find_if(paged.held.begin(), paged.held.end(), [&](const auto& entry) {
            return entry.seq > paged.pages.front().from;
        });
    } else {
        while (!paged.back.empty()) front_.push_back(paged.back.pop_front());
    }
    std::vector<QueuedMessage> due(
        std::make_move_iterator(paged.held.begin()), std::make_move_iterator(behind));
    paged.held.erase(paged.held.begin(), behind);
    merge_into(front_, std::move(due));
    if (paged.pages.empty()) paged_.reset();
}

}  // namespace lvt::broker
