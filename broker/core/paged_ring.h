// PagedRing: messages in the order of their seqs, of which the middle may be out of memory, in pages (storage::Scratch).
//
//   front (in memory) | pages, ascending | back (in memory)
//
// It is taken from the front only. What is returned goes to the place that its seq gives it: what belongs behind the first page waits
// until that comes back.
#pragma once

#include "broker/core/consumer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

namespace lvt::broker {

/// A page of a queue.
struct QueuePage {
    storage::PageId id;
    /// Of its first message.
    storage::Seq from = 0;
    std::uint64_t count = 0;
    /// The persistent ones among its messages, ascending, and their octets by Message::charge().
    std::vector<storage::SeqRun> persistent;
    std::uint64_t persistent_bytes = 0;
};

class PagedRing {
public:
    bool empty() const { return front_.empty() && !paged_; }
    std::size_t size() const { return front_.size() + (paged_ ? paged_->size() : 0); }
    /// The first one is in memory.
    bool has_front() const { return !front_.empty(); }
    QueuedMessage& front() { return front_.front(); }
    const QueuedMessage& front() const { return front_.front(); }
    void push_back(QueuedMessage&& entry) {
        (paged_ ? paged_->back : front_).push_back(std::move(entry));
    }
    QueuedMessage pop_front() { return front_.pop_front(); }
    /// Puts back what was taken from here: ascending by seq.
    void merge(std::vector<QueuedMessage> entries);
    void clear();
    /// Calls visit(const QueuedMessage&) for what is in memory; ascending, but for what waits for its page.
    template <class Visit>
    void for_each_resident(Visit&& visit) const {
        for (std::size_t i = 0; i < front_.size(); ++i) visit(front_[i]);
        if (!paged_) return;
        for (const QueuedMessage& entry : paged_->held) visit(entry);
        for (std::size_t i = 0; i < paged_->back.size(); ++i) visit(paged_->back[i]);
    }

    // Pages.

    bool has_pages() const { return paged_ != nullptr; }
    std::uint64_t paged_count() const { return paged_ ? paged_->count : 0; }
    /// The page that is needed next: nothing is left in front of it, or less than it holds.
    std::optional<storage::PageId> wanted_page() const {
        if (!paged_ || front_.size() >= paged_->pages.front().count) return std::nullopt;
        return paged_->pages.front().id;
    }
    template <class Visit>
    void for_each_page(Visit&& visit) const {
        if (!paged_) return;
        for (std::size_t i = 0; i < paged_->pages.size(); ++i) visit(paged_->pages[i]);
    }
    bool begins_with(storage::PageId id) const { return paged_ && paged_->pages.front().id == id; }
    /// Takes out what is to become the page `id`: `page_bytes` of messages, by Message::charge(), behind the first `keep_bytes` and what
    /// is a page already. Nothing where there is not so much. `any`: also messages that were handed out before.
    std::vector<QueuedMessage> page_out(
        storage::PageId id, std::uint64_t keep_bytes, std::uint64_t page_bytes, bool any);
    /// The messages of the first page, in memory again.
    void page_in(std::vector<QueuedMessage> entries);

    // Requires that nothing of it is in pages.

    const QueuedMessage& operator[](std::size_t index) const { return front_[index]; }
    void push_front(QueuedMessage entry) { front_.push_front(std::move(entry)); }
    QueuedMessage pop_back() { return front_.pop_back(); }

private:
    struct Paged {
        Ring<QueuePage> pages;
        Ring<QueuedMessage> back;
        /// Ascending; each belongs behind the first message of the first page.
        std::vector<QueuedMessage> held;
        /// Of the pages' messages.
        std::uint64_t count = 0;

        std::size_t size() const { return back.size() + held.size() + count; }
    };

    static void merge_into(Ring<QueuedMessage>& ring, std::vector<QueuedMessage> entries);

    Ring<QueuedMessage> front_;
    /// Null where there are no pages.
    std::unique_ptr<Paged> paged_;
};

}  // namespace lvt::broker
