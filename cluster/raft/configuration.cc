#include "cluster/raft/configuration.h"

#include "protocol/base/assert.h"

#include <algorithm>
#include <unordered_set>

namespace lvt::cluster {
namespace {

constexpr char kFormat = 1;
/// An id of one digit.
constexpr std::size_t kMemberBytesMin = 8 + 2 + 1;

void append_little_endian(Bytes& out, std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

/// Takes eight octets off the front.
std::uint64_t take_little_endian(ByteView& bytes) {
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i)
        value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    bytes.remove_prefix(8);
    return value;
}

Error corrupt() { return Error{ErrorKind::corrupt, "a group's configuration is damaged"}; }

}  // namespace

std::optional<Role> Configuration::role_of(NodeId id) const {
    for (const Member& member : members_) {
        if (member.id == id) return member.role;
    }
    return std::nullopt;
}

std::size_t Configuration::voters() const {
    return static_cast<std::size_t>(std::count_if(
        members_.begin(), members_.end(), [](const Member& m) { return m.role == Role::voter; }));
}

Configuration Configuration::with(NodeId id) const {
    ASSERT(!role_of(id) && id != NodeId{});
    Configuration out = *this;
    out.members_.push_back({id, Role::standby});
    return out;
}

Configuration Configuration::with_role(NodeId id, Role role) const {
    Configuration out = *this;
    for (Member& member : out.members_) {
        if (member.id == id) member.role = role;
    }
    return out;
}

Configuration Configuration::without(NodeId id) const {
    Configuration out = *this;
    std::erase_if(out.members_, [id](const Member& member) { return member.id == id; });
    return out;
}

Bytes Configuration::encode() const {
    Bytes out(1, kFormat);
    append_little_endian(out, members_.size());
    for (const Member& member : members_) {
        append_little_endian(out, member.id.value());
        out += std::to_string(member.id.value());
        out.push_back('\0');
        out.push_back(static_cast<char>(member.role));
    }
    out.resize((out.size() + 7) / 8 * 8, '\0');
    return out;
}

Result<Configuration> Configuration::decode(ByteView bytes) {
    ByteView rest = bytes;
    if (rest.size() < 9 || rest[0] != kFormat) return corrupt();
    rest.remove_prefix(1);
    const std::uint64_t count = take_little_endian(rest);
    if (count > kMembersMax || count > rest.size() / kMemberBytesMin) return corrupt();
    std::vector<Member> members;
    std::unordered_set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (rest.size() < kMemberBytesMin) return corrupt();
        const std::uint64_t id = take_little_endian(rest);
        const std::size_t end = rest.find('\0');
        if (id == 0 || end == ByteView::npos || end + 1 >= rest.size()) return corrupt();
        const auto role = static_cast<unsigned char>(rest[end + 1]);
        if (role > 1 || !seen.insert(id).second) return corrupt();
        members.push_back({NodeId{id}, static_cast<Role>(role)});
        rest.remove_prefix(end + 2);
    }
    Configuration out(std::move(members));
    if (out.voters() == 0 || out.encode() != bytes) return corrupt();
    return out;
}

}  // namespace lvt::cluster
