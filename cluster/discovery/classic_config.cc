// classic_config: the nodes stand in the configuration.
#include "cluster/discovery/node_name.h"
#include "cluster/discovery/registry.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::discovery {
namespace {

constexpr SettingSpec kSettings[] = {{.name = "nodes", .kind = SettingKind::list}};
constexpr std::string_view kAliases[] = {"classic", "config"};

class ClassicConfig final : public PeerDiscovery {
public:
    explicit ClassicConfig(PeerList list) : list_(std::move(list)) {}

    std::string_view name() const override { return "classic_config"; }
    DiscoveryResult<PeerList> list() override { return list_; }

private:
    const PeerList list_;
};

Result<std::unique_ptr<PeerDiscovery>> make(Context context) {
    PeerList out;
    for (const std::string& node : context.settings.list("nodes")) {
        std::optional<Candidate> candidate = parse_candidate(node, context.self);
        if (!candidate)
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: expected rabbit@host, rabbit@host:port or host:port, got '{}'",
                    context.settings.key("nodes.$"),
                    node)};
        if (std::ranges::find(out.candidates, *candidate) != out.candidates.end())
            context.log.log(
                LogLevel::warning, "peer discovery: classic_config names {} twice", node);
        else
            out.candidates.push_back(*std::move(candidate));
    }
    const auto is_self = [&](const Candidate& one) {
        return one.name == context.self.name ||
               (one.host == context.self.host && one.port == context.self.port);
    };
    if (!out.candidates.empty() && std::ranges::none_of(out.candidates, is_self))
        context.log.log(
            LogLevel::warning,
            "peer discovery: classic_config does not name this node ({}): the others will not "
            "look for it",
            context.self.name);
    if (!out.candidates.empty())
        out.expected_size = static_cast<std::uint32_t>(out.candidates.size());
    return std::make_unique<ClassicConfig>(std::move(out));
}

}  // namespace

const Mechanism& classic_config_mechanism() {
    static constexpr Mechanism kMechanism{"classic_config", kAliases, kSettings, "", make};
    return kMechanism;
}

}  // namespace lvt::discovery
