# The guest: a boot sector that proves on the first serial port which disk it came from, and that writes to this disk are kept.
#
#   LBA 0   this code; the partition table and the disk signature (bytes 440-509) belong to whoever builds the disk
#   LBA 2   the disk's unique name: up to 64 characters, zero padded
#   LBA 3   the number of the next boot: four decimal digits
#
# To assemble (boot-sector.ts holds the 512 bytes):
#   as --32 -o boot.o boot.s && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o boot.bin boot.o

        .code16
        .globl  _start

        .set    com1, 0x3f8
        .set    name, 0x7e00            # where LBA 2 is read to
        .set    count, 0x8000           # and LBA 3, right behind it
        .set    last_digit, count + 3

_start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $_start, %sp
        ljmp    $0, $main               # some firmware enters at 07c0:0000
main:
        sti
        cld
        movb    %dl, drive

        movw    $uart_setup, %si
next_register:
        lodsw                           # low byte: register, high byte: value
        cmpb    $0xff, %al
        je      read_sectors
        movw    $com1, %dx
        addb    %al, %dl
        movb    %ah, %al
        outb    %al, %dx
        jmp     next_register

read_sectors:
        movw    $0x4200, %ax
        call    transfer
        movw    $read_failed, %si
        jc      finish

        movb    $0, name + 64
        movb    $0, count + 4
        movw    $marker, %si
        call    print
        movw    $name, %si
        call    print
        movw    $boots, %si
        call    print
        movw    $count, %si
        call    print
        movw    $newline, %si
        call    print

        movw    $last_digit, %di        # add one, carrying to the left; 9999 becomes 0000
increment:
        incb    (%di)
        cmpb    $'9', (%di)
        jbe     write_counter
        movb    $'0', (%di)
        decw    %di
        cmpw    $count, %di
        jae     increment

write_counter:
        movw    $1, packet_sectors
        movw    $count, packet_address
        movb    $3, packet_lba
        movw    $0x4300, %ax
        call    transfer
        movw    $write_failed, %si
        jc      finish
        movw    $ready, %si

finish:
        call    print
halt:
        cli
        hlt
        jmp     halt

# Transfers what the packet says. ax: 4200h to read, 4300h to write. Carry set on failure.
transfer:
        movw    $packet, %si
        movb    drive, %dl
        int     $0x13
        ret

# Prints from si up to a zero byte.
print:
        lodsb
        testb   %al, %al
        jz      printed
        movb    %al, %ah
        movw    $com1 + 5, %dx
        xorw    %cx, %cx                # up to 65536 looks, so that a missing port does not hang the boot
wait_for_port:
        inb     %dx, %al
        testb   $0x20, %al
        loopz   wait_for_port
        movb    %ah, %al
        movw    $com1, %dx
        outb    %al, %dx
        jmp     print
printed:
        ret

# No interrupts, 115200 baud, 8N1, FIFO on and empty, ready to talk.
uart_setup:
        .byte   1, 0x00,  3, 0x80,  0, 0x01,  1, 0x00,  3, 0x03,  2, 0x07,  4, 0x03,  0xff, 0

marker:         .asciz  "NOVACRON GUEST unique="
boots:          .asciz  " boots="
ready:          .ascii  "NOVACRON READY"
newline:        .asciz  "\r\n"
read_failed:    .asciz  "NOVACRON READ FAILED\r\n"
write_failed:   .asciz  "NOVACRON WRITE FAILED\r\n"

        .balign 4, 0
packet:         .byte   16, 0
packet_sectors: .word   2
packet_address: .word   name, 0
packet_lba:     .quad   2

drive:          .byte   0

        .org    440                     # fails to assemble when the code has grown into the disk signature
        .org    510
        .byte   0x55, 0xaa
