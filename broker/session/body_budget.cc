#include "broker/session/body_budget.h"

namespace lvt::broker {

void BodyShare::add(std::uint64_t bytes) {
    bytes_ += bytes;
    if (budget_) budget_->add(*this, bytes);
}

void BodyShare::remove(std::uint64_t bytes) {
    if (bytes == 0) return;
    bytes_ -= bytes;
    if (budget_) budget_->remove(*this, bytes);
}

bool BodyShare::asks_to_read() { return !budget_ || budget_->asks_to_read(*this); }

void BodyBudget::add(BodyShare& share, std::uint64_t bytes) {
    if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_bytes_) return;
    if (share.bytes_ > connection_bytes_max_) share.expelled_ = true;
    const std::lock_guard lock(mutex_);
    if (turn_ == &share) progress_ += bytes;
}

void BodyBudget::remove(BodyShare& share, std::uint64_t bytes) {
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        if (turn_ == &share) turn_ = nullptr;
        wake = any_waits_ && !turn_;
        if (wake) any_waits_ = false;
    }
    if (wake) on_room_();
}

bool BodyBudget::asks_to_read(BodyShare& share) {
    if (bytes() <= limit_bytes_) return true;
    const std::lock_guard lock(mutex_);
    if (!turn_) {
        turn_ = &share;
        progress_ = 0;
        looks_ = 0;
    }
    if (turn_ == &share) return true;
    any_waits_ = true;
    return false;
}

void BodyBudget::look() {
    {
        const std::lock_guard lock(mutex_);
        if (!turn_ || !any_waits_ || ++looks_ < kPatienceLooks) return;
        looks_ = 0;
        const bool moves = std::exchange(progress_, 0) >= kProgressMin;
        if (moves) return;
        turn_->expelled_ = true;
        turn_ = nullptr;
        any_waits_ = false;
    }
    on_room_();
}

}  // namespace lvt::broker
