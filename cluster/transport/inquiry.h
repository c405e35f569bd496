// What a node asks another about what only that one knows, and the answer. What is asked is the broker's: here it is a kind and octets.
//
//   question: u8 version (1) | u64 number | u8 kind | text                         big-endian; the text is the rest
//   answer:   u8 version (1) | u64 number | u8 status | u16 code | text
//
// Version and number stand there in every version, so that a node can always answer that it does not understand.
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

#include <cstdint>
#include <optional>

namespace lvt::cluster {

struct Question {
    /// The asker's own; the answer carries it.
    std::uint64_t number = 0;
    std::uint8_t kind = 0;
    Bytes text;

    bool operator==(const Question&) const = default;
};

/// Frozen on the wire.
enum class AnswerStatus : std::uint8_t {
    told = 1,
    not_understood = 2,  // of a version or kind that this node does not know; the text says which
    too_long = 3,        // what there is to tell is more than an answer can hold
};

struct Answer {
    std::uint64_t number = 0;
    AnswerStatus status = AnswerStatus::told;
    /// Of what was told; what it means is the kind's.
    std::uint16_t code = 0;
    Bytes text;

    bool operator==(const Answer&) const = default;
};

inline constexpr std::size_t kQuestionBytesMax = 1u << 20;
inline constexpr std::size_t kAnswerBytesMax = 48u << 20;

[[nodiscard]] Bytes encode(const Question& question);
/// What is too long becomes an answer that says so.
[[nodiscard]] Bytes encode(const Answer& answer);
/// unsupported: another version; corrupt: it makes no sense.
[[nodiscard]] Result<Question> decode_question(ByteView bytes);
[[nodiscard]] Result<Answer> decode_answer(ByteView bytes);
/// What a question is answered with that was not decoded; nothing: it does not even have a number.
[[nodiscard]] std::optional<Answer> refusal_of(ByteView question, const Error& error);

}  // namespace lvt::cluster
