// HandshakeThread: what comes before AMQP, a PROXY header and the TLS handshake, on a thread of its own: a signature costs as much as
// a thousand messages, and strangers decide how many are asked for. Whoever gets through goes on to a lane.
#pragma once

#include "broker/net/admission_control.h"
#include "broker/net/arrival.h"
#include "broker/net/core_thread.h"
#include "broker/net/event_loop.h"
#include "broker/net/log_limit.h"

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <unordered_set>

namespace lvt::broker {

struct HandshakeOptions {
    /// From the accepted connection to the end of its handshake; 0 = no limit.
    Milliseconds timeout{5'000};
    CertificateLogin login;
    /// Handshakes that were begun, with a signature and about 50 KB each, and wait for their clients. More have to wait, ...
    std::size_t begun_max = 1024;
    /// ... until one of these has waited for so long: it makes room.
    Milliseconds makes_room_after{200};
};

class HandshakeThread {
public:
    /// On this thread.
    using Arrived = std::function<void(Arrival)>;

    /// All must outlive it.
    HandshakeThread(
        HandshakeOptions options, AdmissionControl& admission, const Clock& clock, LogSink& log,
        FatalHandler on_fatal);
    HandshakeThread(const HandshakeThread&) = delete;
    HandshakeThread& operator=(const HandshakeThread&) = delete;
    ~HandshakeThread();

    void start(Arrived arrived);
    /// Those under way are closed without a word.
    void stop_and_join();

    /// Any thread: leads `arrival` through what its listener wants: a PROXY header, which tells who the client is (it is counted as
    /// its source's then), and the handshake; `context` is null where there is none.
    void take(Arrival arrival, bool proxied, std::shared_ptr<TlsContext> context);
    /// Any thread: gives up what is under way.
    void drop_all();

private:
    class Guest;
    struct Deadline {
        Milliseconds at;
        std::weak_ptr<Guest> guest;
    };
    struct Begun {
        Milliseconds at;
        Guest* guest;
    };

    void begin(std::shared_ptr<Guest> guest);
    void close_all();
    void arrived(Guest& guest);
    void refused(Guest& guest, const std::string& why);
    /// False where it has to wait; it is called again then.
    bool may_begin(Guest& guest);
    void make_room(Milliseconds now);
    void leave(Guest& guest);
    void post_serving();
    void serve_waiting();
    void on_timer();
    void arm(Milliseconds now);

    const HandshakeOptions options_;
    AdmissionControl& admission_;
    const Clock& clock_;
    FatalHandler on_fatal_;
    EventLoop loop_;
    LoopTimer timer_;
    LogLimit log_limit_;
    Arrived arrived_;
    std::unordered_set<std::shared_ptr<Guest>> guests_;
    /// All wait equally long: the first is due first. Who is through is left in it until then.
    std::deque<Deadline> deadlines_;
    /// The oldest first.
    std::list<Begun> begun_;
    std::deque<std::weak_ptr<Guest>> waiting_;
    bool serving_ = false;
    bool serving_posted_ = false;
    std::thread thread_;
};

}  // namespace lvt::broker
