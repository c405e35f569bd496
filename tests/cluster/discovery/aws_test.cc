#include "cluster/discovery/aws_hostname.h"
#include "cluster/discovery/aws_identity.h"

#include <gtest/gtest.h>
#include <pugixml.hpp>

namespace lvt::discovery {
namespace {

constexpr const char* kInstance = R"(<item>
  <instanceId>i-1</instanceId><privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName>
  <networkInterfaceSet>
    <item><attachment><deviceIndex>1</deviceIndex></attachment>
      <association><publicDnsName>second.example</publicDnsName></association></item>
    <item><attachment><deviceIndex>0</deviceIndex></attachment>
      <association><publicDnsName>first.example</publicDnsName></association>
      <privateIpAddressesSet>
        <item><primary>false</primary><privateIpAddress>10.0.0.9</privateIpAddress></item>
        <item><primary>true</primary><privateIpAddress>10.0.0.1</privateIpAddress></item>
      </privateIpAddressesSet></item>
  </networkInterfaceSet></item>)";

std::string host_name(const char* path) {
    pugi::xml_document document;
    document.load_string(kInstance);
    return aws_host_name(document.child("item"), split_path(path));
}

TEST(AwsHostName, IsFoundAlongAPath) {
    EXPECT_EQ(host_name("privateDnsName"), "ip-10-0-0-1.ec2.internal");
    EXPECT_EQ(host_name("networkInterfaceSet, 1, association, publicDnsName"), "first.example");
    EXPECT_EQ(host_name("networkInterfaceSet,2,association,publicDnsName"), "second.example");
    EXPECT_EQ(
        host_name("networkInterfaceSet,1,privateIpAddressesSet,1,privateIpAddress"), "10.0.0.1");
}

TEST(AwsHostName, IsEmptyWhereThePathLeadsNowhere) {
    for (const char* path :
         {"nope",
          "networkInterfaceSet,3,association,publicDnsName",
          "networkInterfaceSet,0,association",
          "networkInterfaceSet,1",
          "privateDnsName,1",
          ""})
        EXPECT_EQ(host_name(path), "") << path;
}

TEST(AwsFile, HoldsProfiles) {
    constexpr const char* kText =
        "# comment\n[default]\naws_access_key_id = AK1\ns3 =\n  aws_access_key_id = nested\n"
        "region=us-west-2\r\n\n[profile work]\naws_access_key_id=AK2\n[other]\nregion = eu\n";
    EXPECT_EQ(aws_file_value(kText, "default", "aws_access_key_id"), "AK1");
    EXPECT_EQ(aws_file_value(kText, "default", "region"), "us-west-2");
    EXPECT_EQ(aws_file_value(kText, "work", "aws_access_key_id"), "AK2");
    EXPECT_EQ(aws_file_value(kText, "other", "region"), "eu");
    EXPECT_EQ(aws_file_value(kText, "work", "region"), "");
    EXPECT_EQ(aws_file_value("", "default", "region"), "");
    EXPECT_EQ(aws_file_value("[", "default", "region"), "");
}

TEST(AwsTime, IsUtc) {
    EXPECT_EQ(parse_aws_time("1970-01-02T00:00:01Z"), Milliseconds{86'401'000});
    EXPECT_EQ(parse_aws_time("soon"), std::nullopt);
}

}  // namespace
}  // namespace lvt::discovery
