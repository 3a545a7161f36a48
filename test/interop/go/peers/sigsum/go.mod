// What witnessctl needs of sigsum-go, which not every module proxy has: the empty tree's hash, and what names a Sigsum
// log, which no test does.
module sigsum.org/sigsum-go

go 1.26.0
