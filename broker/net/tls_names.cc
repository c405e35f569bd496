#include "broker/net/tls_names.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

namespace lvt::broker {

namespace {

std::string utf8(const ASN1_STRING* text) {
    unsigned char* bytes = nullptr;
    const int size = ASN1_STRING_to_UTF8(&bytes, text);
    if (size < 0) return {};
    std::string out(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return out;
}

/// "CN", or the dotted numbers of a type that has no such name.
std::string attribute_type(const ASN1_OBJECT* type) {
    switch (OBJ_obj2nid(type)) {
        case NID_commonName:
            return "CN";
        case NID_surname:
            return "SN";
        case NID_givenName:
            return "GIVENNAME";
        case NID_initials:
            return "INITIALS";
        case NID_generationQualifier:
            return "GENERATIONQUALIFIER";
        case NID_localityName:
            return "L";
        case NID_stateOrProvinceName:
            return "ST";
        case NID_organizationName:
            return "O";
        case NID_organizationalUnitName:
            return "OU";
        case NID_title:
            return "TITLE";
        case NID_countryName:
            return "C";
        case NID_serialNumber:
            return "SERIALNUMBER";
        case NID_pseudonym:
            return "PSEUDONYM";
        case NID_domainComponent:
            return "DC";
        case NID_pkcs9_emailAddress:
            return "EMAILADDRESS";
        case NID_streetAddress:
            return "STREET";
        case NID_userId:
            return "UID";
        default:
            break;
    }
    char dotted[128] = {};
    OBJ_obj2txt(dotted, sizeof dotted, type, 1);
    return dotted;
}

std::string escaped(std::string_view value) {
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        const auto octet = static_cast<unsigned char>(c);
        const bool at_edge =
            (c == ' ' && (i == 0 || i + 1 == value.size())) || (c == '#' && i == 0);
        if (octet < 32 || octet >= 126) {
            out += fmt::format("\\{:02X}", octet);
            continue;
        }
        if (at_edge || std::string_view("\"+,;<>\\").find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

std::string format_time(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    char text[32] = {};
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

std::string cipher_name(int nid) {
    switch (nid) {
        case NID_aes_256_gcm:
            return "aes_256_gcm";
        case NID_aes_128_gcm:
            return "aes_128_gcm";
        case NID_chacha20_poly1305:
            return "chacha20_poly1305";
        case NID_aes_256_ccm:
            return "aes_256_ccm";
        case NID_aes_128_ccm:
            return "aes_128_ccm";
        case NID_aes_256_cbc:
            return "aes_256_cbc";
        case NID_aes_128_cbc:
            return "aes_128_cbc";
        default:
            return OBJ_nid2sn(nid);
    }
}

std::string key_exchange_name(const SSL_CIPHER* cipher) {
    const int exchange = SSL_CIPHER_get_kx_nid(cipher);
    if (exchange == NID_kx_any) return "any";
    const std::string by = SSL_CIPHER_get_auth_nid(cipher) == NID_auth_ecdsa ? "ecdsa" : "rsa";
    if (exchange == NID_kx_ecdhe) return "ecdhe_" + by;
    if (exchange == NID_kx_dhe) return "dhe_" + by;
    return by;
}

std::string hash_name(const SSL_CIPHER* cipher) {
    if (SSL_CIPHER_is_aead(cipher)) return "aead";
    switch (SSL_CIPHER_get_digest_nid(cipher)) {
        case NID_sha256:
            return "sha256";
        case NID_sha384:
            return "sha384";
        default:
            return "sha";
    }
}

int general_name_type(CertificateLogin::Kind kind) {
    switch (kind) {
        case CertificateLogin::Kind::dns:
            return GEN_DNS;
        case CertificateLogin::Kind::ip:
            return GEN_IPADD;
        case CertificateLogin::Kind::email:
            return GEN_EMAIL;
        case CertificateLogin::Kind::uri:
            return GEN_URI;
        case CertificateLogin::Kind::other_name:
            return GEN_OTHERNAME;
    }
    return -1;
}

std::string name_text(const GENERAL_NAME& name) {
    if (name.type == GEN_OTHERNAME) {
        const ASN1_TYPE* const value = name.d.otherName->value;
        const bool text = value->type == V_ASN1_UTF8STRING || value->type == V_ASN1_IA5STRING ||
                          value->type == V_ASN1_PRINTABLESTRING;
        return text ? utf8(value->value.asn1_string) : std::string{};
    }
    if (name.type != GEN_IPADD) return utf8(name.d.ia5);
    char text[INET6_ADDRSTRLEN] = {};
    const bool v4 = ASN1_STRING_length(name.d.iPAddress) == 4;
    if (!v4 && ASN1_STRING_length(name.d.iPAddress) != 16) return {};
    inet_ntop(v4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name.d.iPAddress), text, sizeof text);
    return text;
}

}  // namespace

std::string distinguished_name(const X509_NAME* name) {
    std::string out;
    for (int i = X509_NAME_entry_count(name) - 1; i >= 0; --i) {
        const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(name, i);
        const std::string one = attribute_type(X509_NAME_ENTRY_get_object(entry)) + "=" +
                                escaped(utf8(X509_NAME_ENTRY_get_data(entry)));
        if (!out.empty()) {
            const X509_NAME_ENTRY* const later = X509_NAME_get_entry(name, i + 1);
            out += X509_NAME_ENTRY_set(entry) == X509_NAME_ENTRY_set(later) ? '+' : ',';
        }
        out += one;
    }
    return out;
}

std::string common_name(const X509* certificate) {
    std::string out;
    const X509_NAME* const name = X509_get_subject_name(certificate);
    for (int i = -1; (i = X509_NAME_get_index_by_NID(name, NID_commonName, i)) >= 0;) {
        if (!out.empty()) out += ',';
        out += utf8(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
    }
    return out;
}

std::string validity(const X509* certificate) {
    return fmt::format(
        "{} - {}",
        format_time(X509_get0_notBefore(certificate)),
        format_time(X509_get0_notAfter(certificate)));
}

CipherNames cipher_names(const SSL* ssl) {
    const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl);
    if (!cipher) return {};
    return {
        SSL_version(ssl) == TLS1_3_VERSION ? "tlsv1.3" : "tlsv1.2",
        key_exchange_name(cipher),
        cipher_name(SSL_CIPHER_get_cipher_nid(cipher)),
        hash_name(cipher)};
}

std::string alternative_name(
    const X509* certificate, CertificateLogin::Kind kind, std::size_t index) {
    struct NamesFree {
        void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
    };
    const std::unique_ptr<GENERAL_NAMES, NamesFree> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    if (!names) return {};
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME& name = *sk_GENERAL_NAME_value(names.get(), i);
        if (name.type != general_name_type(kind)) continue;
        if (index-- == 0) return name_text(name);
    }
    return {};
}

std::string login_name(const X509* certificate, const CertificateLogin& rule) {
    switch (rule.from) {
        case CertificateLogin::From::distinguished_name:
            return distinguished_name(X509_get_subject_name(certificate));
        case CertificateLogin::From::common_name:
            return common_name(certificate);
        case CertificateLogin::From::subject_alternative_name:
            return alternative_name(certificate, rule.kind, rule.index);
    }
    return {};
}

}  // namespace lvt::broker
