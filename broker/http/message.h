// Request and Response: what a client asks over HTTP and what it is told.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lvt::http {

enum class Verb : unsigned char { get, head, put, post, del, options, other };

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Names of headers are the same whatever the case of their letters.
[[nodiscard]] bool is_same_name(std::string_view left, std::string_view right);

struct Request {
    Verb verb = Verb::get;
    /// Path and query as they came, still encoded.
    std::string target;
    Headers headers;
    std::string body;
    /// "127.0.0.1:53211".
    std::string peer;
    /// From the machine itself.
    bool loopback = false;
    /// It came in by a way that is open to the broker's own user alone: nobody has to log in.
    bool trusted = false;

    /// Empty where there is none.
    std::string_view header(std::string_view name) const;
};

struct Response {
    unsigned status = 200;
    /// Beside content-type and content-length.
    Headers headers = {};
    std::string content_type = {};
    std::string body = {};
};

/// Made on the server's thread: what is long to write is written there.
using MakeResponse = std::function<Response()>;
/// Any thread, once.
using Respond = std::function<void(MakeResponse)>;

/// Who answers. On the server's thread.
class Handler {
public:
    virtual ~Handler() = default;
    /// Asked before a long body is read: `head` is the request without it. One of the two is called, on any thread, once. Unless told
    /// otherwise nobody may send one.
    virtual void admit(Request head, std::function<void()> proceed, Respond refuse);
    virtual void handle(Request request, Respond respond) = 0;
};

}  // namespace lvt::http
