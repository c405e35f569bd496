// Who belongs to a group. As bytes it is the data of an EntryType::change, in the engine's own form:
//
//   u8 1, u64 number of members, each (u64 id, address and a zero octet, u8 role), zeros up to a multiple of 8; little-endian.
//
// The address is the id in decimal; where a node is dialled is kept elsewhere. Role: 0 standby, 1 voter.
#pragma once

#include "cluster/raft/types.h"
#include "protocol/base/result.h"

#include <optional>
#include <vector>

namespace lvt::cluster {

struct Member {
    NodeId id;
    Role role = Role::standby;

    bool operator==(const Member&) const = default;
};

inline constexpr std::size_t kMembersMax = 255;

/// Members in the order in which they joined: the engine finds them by their place, which must not change.
class Configuration {
public:
    Configuration() = default;
    explicit Configuration(std::vector<Member> members) : members_(std::move(members)) {}

    const std::vector<Member>& members() const { return members_; }
    bool empty() const { return members_.empty(); }
    /// Nothing where `id` is no member.
    std::optional<Role> role_of(NodeId id) const;
    std::size_t voters() const;

    /// One more, as standby. Must not be a member.
    Configuration with(NodeId id) const;
    Configuration with_role(NodeId id, Role role) const;
    Configuration without(NodeId id) const;

    Bytes encode() const;
    /// `corrupt` where the bytes are not exactly what encode() makes of a configuration with a voter and no id twice.
    static Result<Configuration> decode(ByteView bytes);

    bool operator==(const Configuration&) const = default;

private:
    std::vector<Member> members_;
};

}  // namespace lvt::cluster
