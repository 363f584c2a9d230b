// Certificates as text, for tests of what is read and not of what is believed. The private keys are not kept, but for
// one that belongs to nothing.
#pragma once

#include <string>

namespace larder::test {

inline const std::string kAuthority =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBiDCCAS+gAwIBAgIUOaB3qr4uiqSkbEg51cJL921mEQgwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOdGVzdC1hdXRob3JpdHkwIBcNMjYxMTI5MTgzNzAwWhgPMjEy\n"
    "NjExMDUxODM3MDBaMBkxFzAVBgNVBAMMDnRlc3QtYXV0aG9yaXR5MFkwEwYHKoZI\n"
    "zj0CAQYIKoZIzj0DAQcDQgAEupZx5xMDB03gi35jYxpYxAlapu1urrWGKzvBecLQ\n"
    "EyvsJzbcbhTGONz6nj55Sg4cPKBlf7NTHVmmEXskCibi8KNTMFEwHQYDVR0OBBYE\n"
    "FJs2aoAwIddUySxFoZh7fz5GqnuKMB8GA1UdIwQYMBaAFJs2aoAwIddUySxFoZh7\n"
    "fz5GqnuKMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgHUMCxbCH\n"
    "sOjOPwD5BtS3mIzscGtJ81s3axd+yl1iStUCIA7wbGk9g+8w+rAxu3u4eAmqRKEz\n"
    "65Uj8AahZP1aGfsf\n"
    "-----END CERTIFICATE-----\n";

inline const std::string kSecondAuthority =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBjTCCATOgAwIBAgIUY3ZbEkii1IUuwtV4OkNMUaDorzcwCgYIKoZIzj0EAwIw\n"
    "GzEZMBcGA1UEAwwQc2Vjb25kLWF1dGhvcml0eTAgFw0yNjExMjkxODM3MDBaGA8y\n"
    "MTI2MTEwNTE4MzcwMFowGzEZMBcGA1UEAwwQc2Vjb25kLWF1dGhvcml0eTBZMBMG\n"
    "ByqGSM49AgEGCCqGSM49AwEHA0IABDaZDoT8/g18X7Vs5FMlnj4C87F9za/ONNRk\n"
    "JG6GsakW3jW9wcnFpXLR40DIxNuCSp+48IlMDF6B//9jHK5ySzSjUzBRMB0GA1Ud\n"
    "DgQWBBSSb88wW7VXO16cLVT2ZYN/5ZsKGTAfBgNVHSMEGDAWgBSSb88wW7VXO16c\n"
    "LVT2ZYN/5ZsKGTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCICl3\n"
    "n3ZIu8+cruCWDNUahojkcxRpHRdrSrvSmbZrfd8jAiEAlFgPkB0tHW9lg2ro22Dt\n"
    "39yscYtArYLfznH+refpVpY=\n"
    "-----END CERTIFICATE-----\n";

inline const std::string kPrivateKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+esCt4b6I3Eu1Lge\n"
    "4yFuOplrAKfOuSPKFFtEC0FNsbyhRANCAAS6lnHnEwMHTeCLfmNjGljECVqm7W6u\n"
    "tYYrO8F5wtATK+wnNtxuFMY43PqePnlKDhw8oGV/s1MdWaYReyQKJuLw\n"
    "-----END PRIVATE KEY-----\n";

}  // namespace larder::test
