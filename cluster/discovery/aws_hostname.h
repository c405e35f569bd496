// Where in the description of an EC2 instance its host's name stands: cluster_formation.aws.hostname_path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pugi {
class xml_node;
}

namespace lvt::discovery {

/// The text at `path` below `instance`, empty if there is none. Words name elements; a number N is the Nth <item>, where network interfaces count by their
/// device's index, and addresses from the primary one.
[[nodiscard]] std::string aws_host_name(
    const pugi::xml_node& instance, const std::vector<std::string>& path);

/// "networkInterfaceSet,1,association" at its commas, without blanks.
[[nodiscard]] std::vector<std::string> split_path(std::string_view text);

}  // namespace lvt::discovery
