// Call: one request of the HTTP API on its way through a controller, and the ways to answer it.
#pragma once

#include "broker/http/message.h"
#include "broker/management/api.h"
#include "broker/management/shape.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lvt::broker {

struct User;

/// Who asks, by its tags (RabbitMQ's management tags; each stands for those below it as there).
struct Visitor {
    Bytes name;
    std::vector<Bytes> tags;
    bool administrator = false;
    bool monitor = false;
    bool policymaker = false;
    bool manager = false;
    /// Whom the broker belongs to, by the control socket: no user, but every right.
    bool owner = false;

    static Visitor of(const User& user);
    static Visitor the_owner();
};

/// On the core's thread, but for what is said otherwise. Answered exactly once.
class Call : public std::enable_shared_from_this<Call> {
public:
    Call(const Api& api, http::Request request, http::Respond respond);

    const Api& api;
    const http::Request request;
    const http::Query query;
    /// What stands in the places of the path.
    std::vector<std::string> names;
    /// The first of them, where the path has one.
    Bytes vhost;
    boost::json::object body;
    Visitor visitor;
    /// Another member asks for its user: what is on this node alone is meant, with rows as they are.
    std::optional<MemberRequest> for_member;

    /// Others are asked too.
    bool is_of_all() const { return api.members.ask && !for_member; }
    /// Asks all other members the same in the visitor's name, or `only` that one. is_of_all().
    void ask_members(std::optional<cluster::NodeId> only, Members::Done done);

    /// May this user see what is in the virtual host?
    bool may_see(ByteView vhost_name) const;
    bool may_enter(ByteView vhost_name) const;
    /// Of those that the call is about (its own, or all), the ones that the user may see.
    std::vector<Bytes> visible_vhosts() const;
    const VirtualHost* find_vhost() const;

    // Answers.
    void done(unsigned status, http::Headers headers = {});
    /// Columns are chosen as the query asks.
    void object(boost::json::object value);
    void value(boost::json::value value, unsigned status = 200);
    /// A list of rows: order, columns and pages as the query asks. `others`: rows of other members are among them.
    void list(
        std::vector<boost::json::object> rows, std::optional<MemberArrays> others = std::nullopt);
    /// An array that is written already.
    void text(std::string json);
    void fail(unsigned status, std::string_view error, std::string_view reason);
    void bad_request(std::string_view reason) { fail(400, "bad_request", reason); }
    void refuse_login(std::string_view reason) { fail(401, "not_authorized", reason); }
    void refuse(std::string_view reason) { fail(401, "not_authorised", reason); }
    void not_found() { fail(404, "Object Not Found", "Not Found"); }
    /// What is asked of a virtual host that is not there: only who would make something in it is told so.
    void no_such_vhost();
    /// Any thread.
    void respond(http::MakeResponse make);
    /// What another member has answered.
    void pass_on(MemberSaid::Told told);

    // The body's fields. Flags and numbers may be texts.
    std::optional<Bytes> text_field(std::string_view key) const;
    std::optional<bool> flag_field(std::string_view key) const;
    std::optional<std::int64_t> number_field(std::string_view key) const;
    /// Tells the client and is false where one is missing.
    bool require(std::initializer_list<std::string_view> keys);
    /// {} or [] or nothing; tells the client and is nothing where it is no table.
    std::optional<amqp::Table> table_field(std::string_view key);

    // What the broker does for it.
    /// `changed` is called when it is done; what is refused is told to the client.
    void administer(AdminRequest request, std::function<void(const AdminReply&)> changed);
    /// As administer with ChangeDefinitions that require nothing; answers 201 or, where it `existed`, 204.
    void put(std::vector<MetadataCommand> commands, bool existed);
    /// As administer; answers 204, or 404 where it is not there.
    void remove(MetadataCommand command);
    enum class Tone {
        plain,      // the bare explanation, as for declarations
        with_code,  // as a channel's exception says it
    };
    void amqp(AmqpJob job, Tone tone, std::function<void(AmqpOutcome)> finished);

private:
    http::Respond respond_;
};

using CallPtr = std::shared_ptr<Call>;

/// "text" as JSON has it; octets that are no UTF-8 are replaced.
boost::json::object error_body(std::string_view error, std::string_view reason);
http::Response json_response(unsigned status, const boost::json::value& value);

}  // namespace lvt::broker
