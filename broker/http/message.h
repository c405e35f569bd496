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

    /// Whatever the case of its letters; empty where there is none.
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
    virtual void handle(Request request, Respond respond) = 0;
};

}  // namespace lvt::http
