// aws: the candidates are the EC2 instances with certain tags, or those of this instance's autoscaling group.
#include "cluster/discovery/aws_hostname.h"
#include "cluster/discovery/aws_identity.h"
#include "cluster/discovery/node_name.h"
#include "cluster/discovery/registry.h"

#include <fmt/format.h>
#include <pugixml.hpp>

#include <algorithm>

namespace lvt::discovery {
namespace {

constexpr unsigned kPagesMax = 1000;

constexpr SettingSpec kSettings[] = {
    {.name = "region", .environment = "AWS_EC2_REGION"},
    {.name = "access_key_id", .environment = "AWS_ACCESS_KEY_ID"},
    {.name = "secret_key", .environment = "AWS_SECRET_ACCESS_KEY", .secret = true},
    {.name = "use_autoscaling_group",
     .kind = SettingKind::boolean,
     .environment = "AWS_AUTOSCALING",
     .fallback = "false"},
    {.name = "use_private_ip",
     .kind = SettingKind::boolean,
     .environment = "AWS_USE_PRIVATE_IP",
     .fallback = "false"},
    {.name = "instance_tags", .kind = SettingKind::map, .environment = "AWS_EC2_TAGS"},
    {.name = "hostname_path", .environment = "AWS_HOSTNAME_PATH", .fallback = "privateDnsName"},
    {.name = "hostname_path", .kind = SettingKind::list, .meant = "hostname_paths"},
    {.name = "hostname_paths", .kind = SettingKind::list, .environment = "AWS_HOSTNAME_PATHS"},
    {.name = "ec2_instance_states",
     .kind = SettingKind::list,
     .environment = "AWS_EC2_INSTANCE_STATES"},
    {.name = "prefer_imdsv2", .kind = SettingKind::boolean, .fallback = "true"},
    {.name = "endpoint.ec2", .environment = "AWS_ENDPOINT_URL_EC2"},
    {.name = "endpoint.autoscaling", .environment = "AWS_ENDPOINT_URL_AUTO_SCALING"},
    {.name = "endpoint.sts", .environment = "AWS_ENDPOINT_URL_STS"},
};

/// Sorted by name, as the signature wants them.
using Parameters = std::map<std::string, std::string>;

struct Service {
    std::string_view name;
    std::string_view version;
};
constexpr Service kEc2{"ec2", "2015-10-01"};
constexpr Service kAutoscaling{"autoscaling", "2011-01-01"};

class Aws final : public PeerDiscovery {
public:
    Aws(Context context, HttpOptions http, std::vector<std::vector<std::string>> paths)
        : self_(context.self),
          settings_(context.settings),
          log_(context.log),
          paths_(std::move(paths)),
          http_(std::move(http), context.log),
          identity_(context, http_) {}

    std::string_view name() const override { return "aws"; }

    DiscoveryResult<PeerList> list() override {
        if (settings_.boolean("use_autoscaling_group")) return list_group();
        if (settings_.map("instance_tags").empty()) {
            log_.log(
                LogLevel::warning,
                "peer discovery: aws: neither {} nor {} is set, so nobody is found",
                settings_.key("instance_tags.$"),
                settings_.key("use_autoscaling_group"));
            return PeerList{};
        }
        return list_instances({});
    }

    void cancel() override { http_.cancel(); }

private:
    /// A signed request; the answer's root element is `Action`Response.
    DiscoveryResult<void> ask(
        Service service, const std::string& action, Parameters parameters,
        pugi::xml_document& answer) {
        DiscoveryResult<std::string> base = identity_.endpoint(service.name);
        if (base.has_error()) return std::move(base).error();
        DiscoveryResult<std::string> region = identity_.region();
        if (region.has_error()) return std::move(region).error();
        DiscoveryResult<AwsKeys> keys = identity_.keys();
        if (keys.has_error()) return std::move(keys).error();
        parameters["Action"] = action;
        parameters["Version"] = service.version;
        HttpRequest request{.url = *base + "/"};
        char separator = '?';
        for (const auto& [name, value] : parameters) {
            request.url += fmt::format("{}{}={}", separator, url_escaped(name), url_escaped(value));
            separator = '&';
        }
        request.aws =
            AwsSigning{*region, std::string{service.name}, keys->access_key_id, keys->secret_key};
        if (!keys->session_token.empty())
            request.headers.emplace_back("X-Amz-Security-Token", keys->session_token);
        DiscoveryResult<HttpResponse> response = http_.perform(request);
        if (response.has_error()) return std::move(response).error();
        const std::string what = fmt::format("aws: {}", action);
        if (!response->ok()) return aws_fault(what, *response);
        answer.load_buffer(response->body.data(), response->body.size());
        if (!answer.child((action + "Response").c_str())) return nonsense(what, *response);
        return {};
    }

    DiscoveryError aws_fault(const std::string& what, const HttpResponse& response) {
        DiscoveryError out = fault_of(what, response);
        // AWS says 400 to those who ask too often, and to keys that ended.
        for (const char* code : {"Throttl", "RequestLimitExceeded", "ExpiredToken"})
            if (response.body.find(code) != std::string::npos) out.failure = Failure::transient;
        if (response.body.find("ExpiredToken") != std::string::npos) identity_.forget_keys();
        return out;
    }

    DiscoveryResult<PeerList> list_instances(const std::vector<std::string>& ids) {
        Parameters parameters;
        unsigned filter = 0;
        for (const auto& [key, value] : settings_.map("instance_tags")) {
            parameters[fmt::format("Filter.{}.Name", ++filter)] = "tag:" + key;
            parameters[fmt::format("Filter.{}.Value.1", filter)] = value;
        }
        std::vector<std::string> states = settings_.list("ec2_instance_states");
        if (states.empty()) states = {"running", "pending"};
        parameters[fmt::format("Filter.{}.Name", ++filter)] = "instance-state-name";
        for (std::size_t i = 0; i < states.size(); ++i)
            parameters[fmt::format("Filter.{}.Value.{}", filter, i + 1)] = states[i];
        for (std::size_t i = 0; i < ids.size(); ++i)
            parameters[fmt::format("InstanceId.{}", i + 1)] = ids[i];
        PeerList out;
        for (unsigned page = 0; page < kPagesMax; ++page) {
            pugi::xml_document document;
            DiscoveryResult<void> asked = ask(kEc2, "DescribeInstances", parameters, document);
            if (asked.has_error()) return std::move(asked).error();
            const pugi::xml_node root = document.child("DescribeInstancesResponse");
            for (const pugi::xml_node set : root.child("reservationSet").children("item"))
                for (const pugi::xml_node one : set.child("instancesSet").children("item"))
                    add(one, out);
            const std::string next = root.child_value("nextToken");
            if (next.empty()) break;
            parameters["NextToken"] = next;
        }
        std::ranges::sort(out.candidates, {}, &Candidate::host);
        return out;
    }

    void add(const pugi::xml_node& instance, PeerList& to) const {
        bool found = false;
        for (const std::vector<std::string>& path : paths_) {
            const std::string host = aws_host_name(instance, path);
            if (host.empty()) continue;
            found = true;
            Candidate candidate{.id = {}, .name = node_name_of(self_, host), .host = host};
            if (std::ranges::find(to.candidates, candidate) == to.candidates.end())
                to.candidates.push_back(std::move(candidate));
        }
        if (!found)
            log_.log(
                LogLevel::warning,
                "peer discovery: aws: instance {} has nothing at {}",
                instance.child_value("instanceId"),
                settings_.key("hostname_path"));
    }

    DiscoveryResult<PeerList> list_group() {
        DiscoveryResult<std::string> self = identity_.instance_id();
        if (self.has_error()) return std::move(self).error();
        std::map<std::string, std::string> group_of;  // by instance
        Parameters parameters;
        for (unsigned page = 0; page < kPagesMax; ++page) {
            pugi::xml_document document;
            DiscoveryResult<void> asked =
                ask(kAutoscaling, "DescribeAutoScalingInstances", parameters, document);
            if (asked.has_error()) return std::move(asked).error();
            const pugi::xml_node result = document.child("DescribeAutoScalingInstancesResponse")
                                              .child("DescribeAutoScalingInstancesResult");
            for (const pugi::xml_node one : result.child("AutoScalingInstances").children("member"))
                group_of[one.child_value("InstanceId")] = one.child_value("AutoScalingGroupName");
            const std::string next = result.child_value("NextToken");
            if (next.empty()) break;
            parameters["NextToken"] = next;
        }
        const auto mine = group_of.find(*self);
        if (mine == group_of.end()) {
            log_.log(
                LogLevel::warning,
                "peer discovery: aws: instance {} is in no autoscaling group",
                *self);
            return PeerList{};
        }
        std::vector<std::string> ids;
        for (const auto& [id, group] : group_of)
            if (group == mine->second) ids.push_back(id);
        DiscoveryResult<PeerList> out = list_instances(ids);
        if (out.has_error()) return out;
        DiscoveryResult<std::optional<std::uint32_t>> size = group_size(mine->second);
        if (size.has_error()) return std::move(size).error();
        out->expected_size = *size;
        return out;
    }

    /// A size is welcome; a role that may not ask for it (RabbitMQ needs no such right) is no error.
    DiscoveryResult<std::optional<std::uint32_t>> group_size(const std::string& group) {
        pugi::xml_document document;
        DiscoveryResult<void> asked =
            ask(kAutoscaling,
                "DescribeAutoScalingGroups",
                {{"AutoScalingGroupNames.member.1", group}},
                document);
        if (asked.has_error()) {
            if (asked.error().failure != Failure::permanent) return std::move(asked).error();
            log_.log(LogLevel::info, "peer discovery: no size: {}", asked.error().message);
            return std::optional<std::uint32_t>{};
        }
        const unsigned size = document.child("DescribeAutoScalingGroupsResponse")
                                  .child("DescribeAutoScalingGroupsResult")
                                  .child("AutoScalingGroups")
                                  .child("member")
                                  .child("DesiredCapacity")
                                  .text()
                                  .as_uint();
        return size == 0 ? std::nullopt : std::optional<std::uint32_t>{size};
    }

    const Self self_;
    const Settings settings_;
    LogSink& log_;
    const std::vector<std::vector<std::string>> paths_;
    HttpClient http_;
    AwsIdentity identity_;
};

Result<std::unique_ptr<PeerDiscovery>> make(Context context) {
    const Settings& settings = context.settings;
    for (const std::string& state : settings.list("ec2_instance_states")) {
        static constexpr std::string_view kStates[] = {
            "pending", "running", "shutting-down", "terminated", "stopping", "stopped"};
        if (std::ranges::find(kStates, state) == std::end(kStates))
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: expected one of {}, got '{}'",
                    settings.key("ec2_instance_states.$"),
                    fmt::join(kStates, ", "),
                    state)};
    }
    for (const char* name : {"endpoint.ec2", "endpoint.autoscaling", "endpoint.sts"}) {
        const std::string text = settings.text(name);
        if (!text.empty() && !text.starts_with("http://") && !text.starts_with("https://"))
            return Error{
                ErrorKind::invalid,
                fmt::format("{}: expected a URL, got '{}'", settings.key(name), text)};
    }
    std::vector<std::vector<std::string>> paths;
    for (const std::string& path : settings.list("hostname_paths"))
        paths.push_back(split_path(path));
    if (paths.empty()) paths.push_back(split_path(settings.text("hostname_path")));
    if (settings.boolean("use_private_ip"))
        for (std::vector<std::string>& path : paths)
            if (path == std::vector<std::string>{"privateDnsName"}) path = {"privateIpAddress"};
    TlsOptions tls;
    const auto bundle = context.environment.find("AWS_CA_BUNDLE");
    if (bundle != context.environment.end()) tls.ca_file = bundle->second;
    HttpOptions http = http_options(context.formation, std::move(tls));
    return std::make_unique<Aws>(std::move(context), std::move(http), std::move(paths));
}

}  // namespace

const Mechanism& aws_mechanism() {
    static constexpr Mechanism kMechanism{"aws", {}, kSettings, "", make};
    return kMechanism;
}

}  // namespace lvt::discovery
