#include "broker/http/multipart.h"

#include <gtest/gtest.h>

namespace lvt::http {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=\"xyz\"";
constexpr std::string_view kBody =
    "--xyz\r\nContent-Disposition: form-data; name=\"redirect\"\r\n\r\nback\r\n"
    "--xyz\r\nContent-Type: text/json\r\n"
    "content-disposition: form-data; filename=\"name=a;.json\"; name=\"file\"\r\n\r\n"
    "{\"a\":\r\n1}\r\n--xyz--\r\n";

TEST(FormPart, FindsPartsByTheirNames) {
    EXPECT_EQ(form_part(kType, kBody, "redirect"), "back");
    EXPECT_EQ(form_part(kType, kBody, "file"), "{\"a\":\r\n1}");
    EXPECT_EQ(form_part("Multipart/Form-Data; charset=x; boundary=xyz", kBody, "redirect"), "back");
    EXPECT_FALSE(form_part(kType, kBody, "filename"));
}

TEST(FormPart, EveryTruncationIsNoForm) {
    const std::size_t whole = kBody.find("--xyz--");
    for (std::size_t size = 0; size < whole; ++size)
        EXPECT_FALSE(form_part(kType, kBody.substr(0, size), "file")) << size;
}

TEST(FormPart, OtherContentIsNone) {
    EXPECT_FALSE(form_part("application/json", kBody, "file"));
    EXPECT_FALSE(form_part("multipart/form-data", kBody, "file"));
    EXPECT_FALSE(form_part("multipart/form-data; boundary=abc", kBody, "file"));
    EXPECT_TRUE(is_form(kType));
    EXPECT_FALSE(is_form("multipart/mixed"));
}

}  // namespace
}  // namespace lvt::http
