#include "protocol/base/clock.h"

namespace lvt {

Time SystemClock::now() const {
    using std::chrono::duration_cast;
    return Time{
        duration_cast<Milliseconds>(std::chrono::steady_clock::now().time_since_epoch()),
        duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch())};
}

}  // namespace lvt
