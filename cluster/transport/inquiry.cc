#include "cluster/transport/inquiry.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

#include <fmt/format.h>

namespace lvt::cluster {

namespace {

constexpr std::uint8_t kVersion = 1;

Error wrong_version(std::uint8_t version) {
    return {
        ErrorKind::unsupported,
        fmt::format("version {} of questions, this node speaks version {}", version, kVersion)};
}

Error nonsense() { return {ErrorKind::corrupt, "a question or answer makes no sense"}; }

}  // namespace

Bytes encode(const Question& question) {
    Bytes out;
    ByteWriter writer(out);
    writer.u8(kVersion);
    writer.u64(question.number);
    writer.u8(question.kind);
    writer.raw(question.text);
    return out;
}

Bytes encode(const Answer& answer) {
    const bool fits = answer.text.size() <= kAnswerBytesMax;
    Bytes out;
    ByteWriter writer(out);
    writer.u8(kVersion);
    writer.u64(answer.number);
    writer.u8(static_cast<std::uint8_t>(fits ? answer.status : AnswerStatus::too_long));
    writer.u16(answer.code);
    if (fits) writer.raw(answer.text);
    return out;
}

Result<Question> decode_question(ByteView bytes) {
    ByteReader in(bytes);
    const std::uint8_t version = in.u8();
    Question out;
    out.number = in.u64();
    if (in.ok() && version != kVersion) return wrong_version(version);
    out.kind = in.u8();
    if (!in.ok() || in.rest().size() > kQuestionBytesMax) return nonsense();
    out.text = Bytes(in.rest());
    return out;
}

Result<Answer> decode_answer(ByteView bytes) {
    ByteReader in(bytes);
    const std::uint8_t version = in.u8();
    Answer out;
    out.number = in.u64();
    if (in.ok() && version != kVersion) return wrong_version(version);
    const std::uint8_t status = in.u8();
    out.code = in.u16();
    const bool known = status >= static_cast<std::uint8_t>(AnswerStatus::told) &&
                       status <= static_cast<std::uint8_t>(AnswerStatus::too_long);
    if (!in.ok() || !known) return nonsense();
    out.status = static_cast<AnswerStatus>(status);
    out.text = Bytes(in.rest());
    return out;
}

std::optional<Answer> refusal_of(ByteView question, const Error& error) {
    ByteReader in(question);
    (void)in.u8();
    const std::uint64_t number = in.u64();
    if (!in.ok()) return std::nullopt;
    return Answer{number, AnswerStatus::not_understood, 0, error.message};
}

}  // namespace lvt::cluster
