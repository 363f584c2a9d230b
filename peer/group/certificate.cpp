#include "peer/group/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

namespace larder::peer {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Freer<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;

constexpr std::size_t kMaxPem = 64 * 1024;
constexpr std::size_t kMaxName = 64;  // ub-common-name, RFC 5280

tl::unexpected<Error> openssl_failure(std::string doing) {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return fail(ErrorCode::internal, std::move(doing), text);
}

KeyPtr to_private_key(const AgentKey& key) {
  const SecretSeed seed = key.seed();
  return KeyPtr(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                             reinterpret_cast<const unsigned char*>(seed.data()), seed.size()));
}

KeyPtr to_public_key(const AgentId& id) {
  return KeyPtr(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                            reinterpret_cast<const unsigned char*>(id.data()), id.size()));
}

CertPtr parse_pem(const std::string& pem) {
  if (pem.size() > kMaxPem) return nullptr;
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CertPtr cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return cert;
}

std::string take_text(const BioPtr& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(std::max(0L, size))};
}

std::time_t seconds(WallTime time) {
  return std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(time));
}

bool add_extension(X509* cert, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(cert, extension.get(), -1) == 1;
}

bool set_random_serial(X509* cert) {
  unsigned char serial[16];
  if (RAND_bytes(serial, sizeof serial) != 1) return false;
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x40);  // positive and of full length
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(cert)) != nullptr;
}

bool set_times(X509* cert, WallTime now, Duration lifetime) {
  // Valid from a day earlier: the clocks of an office differ.
  return ASN1_TIME_set(X509_getm_notBefore(cert), seconds(now - std::chrono::hours(24))) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(cert), seconds(now + lifetime)) != nullptr;
}

bool set_subject(X509* cert, const std::string& name) {
  const std::string cut = name.substr(0, kMaxName);
  return X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(cut.data()), static_cast<int>(cut.size()),
                                    -1, 0) == 1;
}

Result<std::string> sign_and_print(X509* cert, EVP_PKEY* signer, std::string doing) {
  if (X509_sign(cert, signer, nullptr) == 0) return openssl_failure(std::move(doing));  // Ed25519 takes no digest
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), cert) != 1) return openssl_failure(std::move(doing));
  return take_text(bio);
}

Result<AgentId> id_of(X509* cert) {
  AgentId id;
  std::size_t size = id.size();
  EVP_PKEY* key = X509_get0_pubkey(cert);
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(id.data()), &size) != 1 || size != id.size()) {
    return fail(ErrorCode::certificate_rejected, "use the certificate of an agent", "its key is not Ed25519");
  }
  return id;
}

Result<LeafFacts> facts_of(X509* leaf) {
  auto id = id_of(leaf);
  if (!id) return tl::unexpected<Error>(id.error());
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end) != 1) return openssl_failure("read a certificate");
  return LeafFacts{*id, WallTime(std::chrono::system_clock::from_time_t(timegm(&end)))};
}

}  // namespace

Result<std::string> make_authority(const AgentKey& authority, const std::string& group_name, WallTime now,
                                   Duration lifetime) {
  const std::string doing = "make the certificate authority of group " + group_name;
  const KeyPtr key = to_private_key(authority);
  const CertPtr cert(X509_new());
  const bool made = key && cert && X509_set_version(cert.get(), X509_VERSION_3) == 1 && set_random_serial(cert.get()) &&
                    set_times(cert.get(), now, lifetime) &&
                    set_subject(cert.get(), "Larder group " + agent_name(authority.id())) &&
                    X509_set_issuer_name(cert.get(), X509_get_subject_name(cert.get())) == 1 &&
                    X509_set_pubkey(cert.get(), key.get()) == 1 &&
                    add_extension(cert.get(), cert.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    add_extension(cert.get(), cert.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    add_extension(cert.get(), cert.get(), NID_subject_key_identifier, "hash");
  if (!made) return openssl_failure(doing);
  return sign_and_print(cert.get(), key.get(), doing);
}

Result<std::string> issue_leaf(const AgentKey& authority, const std::string& authority_pem, const AgentId& agent,
                               WallTime now, Duration lifetime) {
  const std::string doing = "issue a certificate to agent " + agent_name(agent);
  const KeyPtr signer = to_private_key(authority);
  const CertPtr issuer = parse_pem(authority_pem);
  const KeyPtr key = to_public_key(agent);
  if (!issuer) return fail(ErrorCode::certificate_rejected, doing, "the group's own certificate is not readable");
  const CertPtr cert(X509_new());
  const bool made = signer && key && cert && X509_set_version(cert.get(), X509_VERSION_3) == 1 &&
                    set_random_serial(cert.get()) && set_times(cert.get(), now, lifetime) &&
                    set_subject(cert.get(), "Larder agent") &&
                    X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer.get())) == 1 &&
                    X509_set_pubkey(cert.get(), key.get()) == 1 &&
                    add_extension(cert.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(cert.get(), issuer.get(), NID_key_usage, "critical,digitalSignature") &&
                    add_extension(cert.get(), issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth") &&
                    add_extension(cert.get(), issuer.get(), NID_subject_alt_name, "DNS:*");
  if (!made) return openssl_failure(doing);
  return sign_and_print(cert.get(), signer.get(), doing);
}

Result<LeafFacts> check_leaf(const std::string& leaf_pem, const std::string& authority_pem, WallTime now) {
  const std::string doing = "accept the certificate of an agent";
  const CertPtr leaf = parse_pem(leaf_pem);
  const CertPtr authority = parse_pem(authority_pem);
  if (!leaf || !authority) return fail(ErrorCode::certificate_rejected, doing, "it is not a PEM certificate");
  const StorePtr store(X509_STORE_new());
  const StoreCtxPtr context(X509_STORE_CTX_new());
  if (!store || !context || X509_STORE_add_cert(store.get(), authority.get()) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr) != 1) {
    return openssl_failure(doing);
  }
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), seconds(now));
  if (X509_verify_cert(context.get()) != 1) {
    const int reason = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    return fail(ErrorCode::certificate_rejected, doing, X509_verify_cert_error_string(reason));
  }
  return facts_of(leaf.get());
}

Result<LeafFacts> read_leaf(const std::string& leaf_pem) {
  const CertPtr leaf = parse_pem(leaf_pem);
  if (!leaf) return fail(ErrorCode::certificate_rejected, "read a certificate", "it is not a PEM certificate");
  return facts_of(leaf.get());
}

Result<std::string> private_key_pem(const AgentKey& key) {
  const KeyPtr pkey = to_private_key(key);
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!pkey || PEM_write_bio_PKCS8PrivateKey(bio.get(), pkey.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_failure("write the agent's private key");
  }
  return take_text(bio);
}

Result<AgentId> authority_id(const std::string& authority_pem) {
  const CertPtr authority = parse_pem(authority_pem);
  if (!authority) {
    return fail(ErrorCode::certificate_rejected, "use the group's certificate", "it is not a PEM certificate");
  }
  return id_of(authority.get());
}

}  // namespace larder::peer
