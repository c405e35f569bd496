#include "broker/http/message.h"

#include <algorithm>
#include <cctype>

namespace lvt::http {

bool is_same_name(std::string_view left, std::string_view right) {
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) ==
               std::tolower(static_cast<unsigned char>(b));
    };
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), same);
}

std::string_view Request::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (is_same_name(key, name)) return value;
    return {};
}

void Handler::admit(Request /*head*/, std::function<void()> /*proceed*/, Respond refuse) {
    refuse([] { return Response{413, {}, {}, {}}; });
}

}  // namespace lvt::http
