//! Autonomous systems of well-known hosting providers: machines live there, not people. Facts from the public routing
//! registries; a provider that is missing goes into `network.hosting_asns`.

/// The built-in list.
pub(super) const HOSTING: &[u32] = &[
    8_068,   // Microsoft
    8_070,   // Microsoft
    8_075,   // Microsoft Azure
    8_560,   // IONOS
    9_009,   // M247
    12_876,  // Scaleway
    13_335,  // Cloudflare, iCloud Private Relay
    14_061,  // DigitalOcean
    14_618,  // Amazon
    15_169,  // Google
    15_395,  // Rackspace
    16_276,  // OVH
    16_509,  // Amazon
    16_625,  // Akamai, iCloud Private Relay
    19_318,  // Interserver
    20_473,  // Vultr
    20_940,  // Akamai, iCloud Private Relay
    24_940,  // Hetzner
    31_898,  // Oracle
    32_613,  // Leaseweb Canada
    32_787,  // Akamai
    34_164,  // Akamai
    36_351,  // IBM Cloud
    36_459,  // GitHub
    37_963,  // Alibaba
    38_930,  // FiberRing, Leaseweb
    45_090,  // Tencent
    45_102,  // Alibaba
    46_606,  // Unified Layer
    51_167,  // Contabo
    53_667,  // FranTech
    54_113,  // Fastly
    60_781,  // Leaseweb
    62_567,  // DigitalOcean
    63_949,  // Akamai Linode
    132_203, // Tencent
    202_053, // UpCloud
    211_252, // Delis
    212_238, // Datacamp
    213_230, // Hetzner Cloud
    396_982, // Google Cloud
];
