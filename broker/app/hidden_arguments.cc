#include "broker/app/hidden_arguments.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace lvt::broker {

namespace {

constexpr std::string_view kSecretWords[] = {"pass", "secret", "token", "cookie"};
/// Their second operand is a password.
constexpr std::string_view kPasswordVerbs[] = {"add_user", "change_password", "authenticate_user"};

void hide(char* from, char* to) { std::fill(from, to, 'x'); }

void hide_value(char* word) {
    char* end_of_key = std::strchr(word, '=');
    // "--set=KEY=VALUE"
    if (std::string_view(word).starts_with("--set=")) end_of_key = std::strchr(end_of_key + 1, '=');
    if (!end_of_key) return;
    const std::string_view key(word, static_cast<std::size_t>(end_of_key - word));
    const bool secret =
        std::any_of(std::begin(kSecretWords), std::end(kSecretWords), [key](std::string_view part) {
            return key.find(part) != std::string_view::npos;
        });
    if (secret) hide(end_of_key + 1, word + std::strlen(word));
}

void hide_password_of_url(char* word) {
    char* const scheme = std::strstr(word, "://");
    if (!scheme) return;
    char* const authority = scheme + 3;
    char* const end = authority + std::strcspn(authority, "/?#");
    char* const at =
        std::find(std::make_reverse_iterator(end), std::make_reverse_iterator(authority), '@')
            .base();
    char* const colon = std::find(authority, end, ':');
    if (at != authority && colon < at) hide(colon + 1, at - 1);
}

void hide_operands(int argc, char** argv, int verb) {
    int operands = 0;
    for (int i = verb + 1; i < argc; ++i) {
        if (argv[i][0] == '-') continue;
        if (++operands > 1) hide(argv[i], argv[i] + std::strlen(argv[i]));
    }
}

}  // namespace

HiddenArguments::HiddenArguments(int argc, char** argv) : words_(argv, argv + argc) {
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
    for (int i = 1; i < argc; ++i) {
        hide_value(argv[i]);
        hide_password_of_url(argv[i]);
        const std::string& word = words_[static_cast<std::size_t>(i)];
        if (std::find(std::begin(kPasswordVerbs), std::end(kPasswordVerbs), word) !=
            std::end(kPasswordVerbs))
            hide_operands(argc, argv, i);
    }
}

}  // namespace lvt::broker
