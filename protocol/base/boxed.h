// Boxed: a value that is kept aside, so that the many that do without it stay small.
#pragma once

#include <memory>
#include <utility>

namespace lvt {

/// Always holds a T, except when moved from. Movable, not copyable.
template <class T>
class Boxed {
public:
    Boxed() : Boxed(T{}) {}
    Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
    /// T(args...).
    template <class... Args>
    requires(sizeof...(Args) > 1) Boxed(Args&&... args)
        : value_(std::make_unique<T>(std::forward<Args>(args)...)) {}

    T& operator*() { return *value_; }
    const T& operator*() const { return *value_; }
    T* operator->() { return value_.get(); }
    const T* operator->() const { return value_.get(); }

private:
    std::unique_ptr<T> value_;
};

}  // namespace lvt
