#include "protocol/amqp/table.h"

#include <gtest/gtest.h>

#include "protocol/base/assert.h"
#include "tests/protocol/random_amqp.h"

namespace lvt::amqp {
namespace {

/// A table of one entry "k" with that tag and those octets behind it.
Bytes one_entry(char tag, ByteView octets) {
    Bytes out("\1k", 2);
    out.push_back(tag);
    return out.append(octets);
}

FieldValue value_of(const Table& table) {
    const auto value = table.find("k");
    EXPECT_TRUE(value.has_value());
    return value.value_or(FieldValue{});
}

struct TagCase {
    char tag;
    ByteView octets;
    const char* type_name;
    std::optional<std::int64_t> integer;
};

const TagCase kTagCases[] = {
    {'t', {"\1", 1}, "bool", {}},
    {'b', {"\xfe", 1}, "byte", -2},
    {'B', {"\xfe", 1}, "unsignedbyte", 254},
    {'s', {"\xff\xfe", 2}, "short", -2},
    {'u', {"\xff\xfe", 2}, "unsignedshort", 65534},
    {'I', {"\xff\xff\xff\xfe", 4}, "signedint", -2},
    {'i', {"\xff\xff\xff\xfe", 4}, "unsignedint", 4294967294},
    {'l', {"\xff\xff\xff\xff\xff\xff\xff\xfe", 8}, "long", -2},
    {'L', {"\x7f\xff\xff\xff\xff\xff\xff\xff", 8}, "long", INT64_MAX},
    {'f', {"\x7f\xc0\0\1", 4}, "float", {}},
    {'d', {"\x7f\xf8\0\0\0\0\0\1", 8}, "double", {}},
    {'D', {"\2\0\0\1\0", 5}, "decimal", {}},
    {'S', {"\0\0\0\2hi", 6}, "longstr", {}},
    {'x', {"\0\0\0\2\0\xff", 6}, "binary", {}},
    {'A', {"\0\0\0\3Vt\1", 7}, "array", {}},
    {'T', {"\xff\0\0\0\0\0\0\1", 8}, "timestamp", {}},
    {'F', {"\0\0\0\3\1zV", 7}, "table", {}},
    {'V', {}, "void", {}},
};

TEST(Table, KeepsEveryTagBitExact) {
    Bytes all;
    for (const auto& c : kTagCases) {
        const Bytes bytes = one_entry(c.tag, c.octets);
        const auto table = Table::decode(bytes);
        ASSERT_TRUE(table.has_value()) << c.tag;
        EXPECT_EQ(table->bytes(), bytes);
        const FieldValue value = value_of(*table);
        EXPECT_EQ(value.tag, c.tag);
        EXPECT_STREQ(value.type_name(), c.type_name);
        EXPECT_EQ(value.integer(), c.integer) << c.tag;
        Table again;
        again.add_value("k", value);
        EXPECT_EQ(again.bytes(), bytes) << c.tag;
        all += bytes;
    }
    const auto table = Table::decode(all);
    ASSERT_TRUE(table.has_value());
    Table again;
    for (const auto& [name, value] : table->view()) again.add_value(name, value);
    EXPECT_EQ(again, *table);
}

TEST(Table, RejectsEveryTruncation) {
    for (const auto& c : kTagCases) {
        const Bytes bytes = one_entry(c.tag, c.octets);
        for (std::size_t size = 1; size < bytes.size(); ++size) {
            const auto table = Table::decode(ByteView(bytes).substr(0, size));
            ASSERT_TRUE(table.has_error()) << c.tag << " cut to " << size;
            EXPECT_EQ(table.error().code, ReplyCode::syntax_error);
            EXPECT_TRUE(table.error().closes_connection());
        }
    }
}

TEST(Table, RejectsUnknownTags) {
    for (int tag = 0; tag < 256; ++tag) {
        const bool known = ByteView("tbBsuIilLfdDSxATFV").find(static_cast<char>(tag)) !=
                           ByteView::npos;
        if (known) continue;
        const auto table = Table::decode(one_entry(static_cast<char>(tag), Bytes(8, '\0')));
        EXPECT_TRUE(table.has_error()) << tag;
    }
    EXPECT_EQ(Table::decode(one_entry('U', "\0\1")).error().code, ReplyCode::syntax_error);
}

TEST(Table, NestsToTheLimitAndNoDeeper) {
    const auto nested = [](int depth, char tag) {
        Bytes inside;
        for (int level = 1; level < depth; ++level) {
            Bytes outside = tag == 'F' ? Bytes("\1n", 2) : Bytes();
            outside.push_back(tag);
            ByteWriter(outside).long_string(inside);
            inside = outside;
        }
        return inside;
    };
    EXPECT_TRUE(validate_table(nested(kNestingMax, 'F')).has_value());
    EXPECT_TRUE(validate_table(nested(kNestingMax + 1, 'F')).has_error());
    const auto arrays = [&](int depth) { return one_entry('A', nested(depth, 'A').substr(1)); };
    EXPECT_TRUE(validate_table(arrays(kNestingMax)).has_value());
    EXPECT_TRUE(validate_table(arrays(kNestingMax + 1)).has_error());
    EXPECT_TRUE(validate_table(nested(10000, 'F')).has_error());
}

TEST(Table, BuildersReadBack) {
    Table inner;
    inner.add_bool("yes", true).add_bool("no", false);
    Table table;
    table.add_string("s", "text").add_int("i", -5).add_long("l", INT64_MIN);
    table.add_timestamp("t", 1700000000).add_table("f", inner);
    ASSERT_TRUE(validate_table(table.bytes()).has_value());
    EXPECT_EQ(table.find("s")->string(), "text");
    EXPECT_EQ(table.find("i")->integer(), -5);
    EXPECT_EQ(table.find("l")->integer(), INT64_MIN);
    EXPECT_EQ(table.find("t")->integer(), std::nullopt);
    EXPECT_EQ(table.find("t")->raw.size(), 8u);
    EXPECT_EQ(table.find("f")->table(), inner.bytes());
    EXPECT_EQ(inner.find("yes")->boolean(), true);
    EXPECT_EQ(inner.find("no")->boolean(), false);
    EXPECT_FALSE(table.find("absent").has_value());
}

TEST(Table, FindsTheFirstOfEqualNames) {
    Table table;
    table.add_int("k", 1).add_int("k", 2);
    EXPECT_EQ(table.find("k")->integer(), 1);
}

TEST(Table, ArraysVisitInOrder) {
    Bytes array;
    append_value(array, {'S', "a"});
    append_value(array, {'V', {}});
    append_value(array, {'t', {"\1", 1}});
    Bytes seen;
    ArrayView(array).for_each([&](const FieldValue& value) { seen.push_back(value.tag); });
    EXPECT_EQ(seen, "SVt");
}

TEST(Table, AccessorsAnswerTheirTagsOnly) {
    const FieldValue number{'I', {"\0\0\0\1", 4}};
    EXPECT_EQ(number.string(), std::nullopt);
    EXPECT_EQ(number.boolean(), std::nullopt);
    EXPECT_EQ(number.table(), std::nullopt);
    EXPECT_EQ(number.array(), std::nullopt);
    EXPECT_EQ((FieldValue{'x', "o"}).string(), "o");
}

TEST(Table, BuildingAWrongValueIsOurMistake) {
    Table table;
    EXPECT_THROW(table.add_value("k", {'I', "xx"}), AssertionFailure);
    EXPECT_THROW(table.add_string(Bytes(256, 'n'), ""), AssertionFailure);
}

TEST(Table, RandomOnesSurviveTakingApartAndCutting) {
    const auto seed = test_seed();
    RandomAmqp random(seed);
    for (int round = 0; round < 300; ++round) {
        SCOPED_TRACE(trace(seed, round));
        const Table table = random.table();
        Table again;
        for (const auto& [name, value] : table.view()) again.add_value(name, value);
        ASSERT_EQ(again, table);
        // A cut is either between two entries or an error; what is accepted can be walked.
        for (std::size_t size = 0; size < table.bytes().size(); ++size) {
            const auto part = Table::decode(table.bytes().substr(0, size));
            if (part.has_error()) continue;
            std::size_t entries = 0;
            for (const auto& entry : part->view()) entries += entry.first.size() + 1;
            ASSERT_LE(entries, size);
        }
    }
}

}  // namespace
}  // namespace lvt::amqp
